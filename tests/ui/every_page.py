"""Every page that there is, by its route, and where to find one of the kind in a filled installation."""

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from starlette.responses import StreamingResponse

from api.ui.routers import ROUTERS
from cli.stack.stack import Stack
from tests.ui.house import asked

Finder = Callable[[Stack], str]


def routes() -> dict[str, APIRoute]:
    """The routes that are looked at, by path."""
    return {
        route.path: route
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or set())
    }


def campaign_in(state: str) -> Callable[[Stack], str]:
    """Finds the id of a campaign in this state."""

    def find(stack: Stack) -> str:
        [first, *_] = asked(stack, f"/api/campaigns?status={state}")["items"]
        return str(first["id"])

    return find


def at(path: str, **ids: Finder) -> Finder:
    """The address of a page whose ids are found in the installation."""
    return lambda stack: path.format(**{name: find(stack) for name, find in ids.items()})


PAGES: dict[str, Finder] = {
    "/sign-in": at("/sign-in"),
    "/campaigns": at("/campaigns"),
    "/settings": at("/settings"),
}
"""One of each kind; a test fails for a route that is neither here nor in NO_PAGES."""

NO_PAGES = {"/", "/welcome/{token}"}
"""Routes that answer with a redirect, a file, a stream, or a page that is seen before anybody is signed in."""


def is_stream(route: APIRoute) -> bool:
    """Whether it answers with something else than a page."""
    kind: Any = route.response_class
    return isinstance(kind, type) and issubclass(kind, StreamingResponse)
