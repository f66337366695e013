"""The application: the one place that puts routes, errors, limits and the OpenAPI document together."""

import re
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from api.access_log import AccessLog
from api.dependencies import Page, Report, Services, nothing, unreported
from api.gauges import Gauges
from api.handlers import install_handlers
from api.limits import MEGABYTE, BodyLimit
from api.meter import Meter
from api.openapi import describe
from api.routers import routes
from api.routes.campaigns import OVER, shown
from api.streams import ProgressHub, ReadSnapshot, Snapshot
from api.ui.app import Pages, create_ui
from db.engine import Database
from db.secrets import SecretBox
from workflows.handles import Workflows

IMPORT_ADDRESS = re.compile(
    r"/api/(campaigns/[^/]+/contacts|suppressions/import)|/campaigns/[^/]+/setup/audience/contacts"
)
DESCRIPTION = (
    "Durable outreach: campaigns, contacts, channels and what became of every message. "
    "Authenticate with `Authorization: Bearer <key>`. Errors are `application/problem+json` (RFC 9457)."
)


class Application(FastAPI):
    """FastAPI with our own OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def create_app(
    database: Database,
    workflows: Workflows,
    secrets: SecretBox,
    *,
    public_url: str,
    default_region: str | None = None,
    temporal_ui_url: str | None = None,
    meter: Meter | None = None,
    report: Report = unreported,
    sdk_metrics: Page = nothing,
) -> FastAPI:
    """The API over what it is handed; whoever made the parts closes them after the application has stopped.

    `public_url` is the base of the webhook addresses that channels show; `default_region` the country of phone numbers
    that are written without a country code, where the tenant has none of its own; `temporal_ui_url` the base of the
    links to workflows.
    """
    app = Application(
        title="Relance",
        version="0.1.0",
        description=DESCRIPTION,
        redirect_slashes=False,
        redoc_url=None,
    )
    progress = ProgressHub(_reader(database))
    meter = meter or Meter()
    services = Services(
        database,
        workflows,
        secrets,
        progress,
        public_url,
        default_region,
        temporal_ui_url=temporal_ui_url,
        meter=meter,
        report=report,
        sdk_metrics=sdk_metrics,
    )
    app.state.services = services
    app.state.gauges = Gauges(database, workflows)
    install_handlers(app)
    app.router.routes.extend(routes())
    app.router.routes.append(Pages("/", app=create_ui(services), name="pages"))
    app.add_middleware(BodyLimit, limit_for=body_limit)
    app.add_middleware(AccessLog, meter=meter)
    return app


def _reader(database: Database) -> ReadSnapshot:
    async def read(tenant_id: UUID, campaign_id: UUID) -> Snapshot:
        async with database.tenant(tenant_id) as session:
            body = await shown(session, campaign_id)
        # The contacts of a cancelled campaign are stopped after it, page by page: the sums are final when none is left.
        last = body.status in OVER and body.counts.pending == 0
        return Snapshot(body.model_dump_json(), last=last, seen=body.seen)

    return read


def body_limit(path: str, content_type: str) -> int:
    """The largest body, in bytes, that an address takes."""
    if IMPORT_ADDRESS.fullmatch(path):
        return 1000 * MEGABYTE if content_type.lower().startswith("multipart/") else 10 * MEGABYTE
    return MEGABYTE
