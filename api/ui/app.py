"""The application of the pages, and how it is mounted beside the API."""

from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import Scope

from api.dependencies import Services
from api.ui.errors import install_handlers
from api.ui.files import Files
from api.ui.headers import SecurityHeaders
from api.ui.passwords import Passwords
from api.ui.routers import routes
from api.ui.routes import campaign, campaigns, channels

STATIC = Path(__file__).parent / "static"
OF_THE_API = ("/api", "/webhooks", "/healthz", "/readyz", "/metrics")
"""What begins so is the API's, whether there is such a thing or not: its errors are problems and not pages."""


class Pages(Mount):
    """The pages at every address that is not the API's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a page is asked for."""
        path = scope["path"]
        if any(path == start or path.startswith(f"{start}/") for start in OF_THE_API):
            return Match.NONE, {}
        return super().matches(scope)


def create_ui(services: Services, passwords: Passwords | None = None) -> FastAPI:
    """The pages over the services of the API."""
    ui = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    ui.state.services = services
    ui.state.passwords = passwords or Passwords()
    ui.state.campaign_list = campaigns.list_hub(services.database)
    ui.state.campaign_page = campaign.page_hub(services.database)
    ui.state.channel_page = channels.health_hub(services.database, services.public_url)
    ui.state.campaign_courses = campaign.courses(services.database)
    services.hubs.extend((ui.state.campaign_list, ui.state.campaign_page, ui.state.channel_page))
    install_handlers(ui)
    ui.router.routes.extend(routes())
    ui.mount("/static", Files(STATIC), name="static")
    ui.add_middleware(SecurityHeaders, https=services.public_url.startswith("https://"))
    return ui
