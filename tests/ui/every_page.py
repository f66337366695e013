"""Every page that there is, by its route, and where to find one of the kind in a filled installation."""

from collections.abc import Callable

from fastapi.routing import APIRoute

from api.ui.routers import ROUTERS
from cli.stack.stack import Stack
from tests.ui.house import asked

Finder = Callable[[Stack], str]
STEPS = ("basics", "audience", "messages", "pacing", "check")


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


def first_of(path: str, key: str = "id") -> Finder:
    """Finds the id of the first of a list of the API."""

    def find(stack: Stack) -> str:
        [first, *_] = asked(stack, path)["items"]
        return str(first[key])

    return find


DRAFT, RUNNING, PAUSED, DONE = (campaign_in(state) for state in ("draft", "running", "paused", "completed"))
SETUP = "/campaigns/{campaign_id}/setup/"

PAGES: dict[str, Finder] = {
    "/sign-in": at("/sign-in"),
    "/campaigns": at("/campaigns"),
    "/campaigns/new": at("/campaigns/new"),
    **{f"{SETUP}{step}": at(f"{SETUP}{step}", campaign_id=DRAFT) for step in STEPS},
    "/campaigns/{campaign_id:uuid}": at("/campaigns/{campaign_id}", campaign_id=DONE),
    "/campaigns/{campaign_id:uuid}/pacing": at("/campaigns/{campaign_id}/pacing", campaign_id=RUNNING),
    "/campaigns/{campaign_id:uuid}/start": at("/campaigns/{campaign_id}/start", campaign_id=DRAFT),
    "/campaigns/{campaign_id:uuid}/pause": at("/campaigns/{campaign_id}/pause", campaign_id=RUNNING),
    "/campaigns/{campaign_id:uuid}/resume": at("/campaigns/{campaign_id}/resume", campaign_id=PAUSED),
    "/campaigns/{campaign_id:uuid}/cancel": at("/campaigns/{campaign_id}/cancel", campaign_id=RUNNING),
    "/campaigns/{campaign_id:uuid}/contacts": at("/campaigns/{campaign_id}/contacts", campaign_id=DONE),
    "/contacts/{contact_id:uuid}": at("/contacts/{contact_id}", contact_id=first_of("/api/contacts")),
    "/campaigns/{campaign_id}/rehearsal": at("/campaigns/{campaign_id}/rehearsal", campaign_id=DRAFT),
    "/channels": at("/channels"),
    "/channels/new": at("/channels/new"),
    "/channels/{channel_id}": at("/channels/{channel_id}", channel_id=first_of("/api/channels")),
    "/deliveries": at("/deliveries"),
    "/deliveries/{delivery_id}": at(
        "/deliveries/{delivery_id}", delivery_id=first_of("/api/deliveries?status=unknown")
    ),
    "/settings": at("/settings"),
    "/settings/keys": at("/settings/keys"),
    "/settings/people": at("/settings/people"),
}
"""One of each kind; a test fails for a route that is neither here nor in NO_PAGES."""

NO_PAGES = {
    "/",
    "/welcome/{token}",
    f"{SETUP}audience/errors/{{import_id}}",
    f"{SETUP}check/test/{{delivery_id}}",
    "/campaigns/live",
    "/campaigns/{campaign_id:uuid}/live",
    "/campaigns/{campaign_id:uuid}/chart.json",
    "/campaigns/{campaign_id:uuid}/chart",
    "/campaigns/{campaign_id:uuid}/contacts.csv",
    "/campaigns/{campaign_id:uuid}/retry-failed",
    "/campaigns/{campaign_id}/rehearsal/events",
    "/channels/{channel_id}/health",
}
"""Redirects, files, streams, pieces of pages; the page before anybody is signed in (looked at by the journey); and the
question before failed contacts are retried, which is the same page as those before the other orders."""
