"""Every page that there is, by its route, and in the states in which it looks different.

With each, how to reach one in a filled installation.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi.routing import APIRoute
from playwright.async_api import Page, Response

from api.ui.routers import ROUTERS
from cli.stack.stack import Stack
from tests.ui.house import asked

Finder = Callable[[Stack], str]
Reach = Callable[[Page, Stack], Awaitable[Response | None]]
"""Brings a tab to a page; gives the answer that the page came with."""

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


def channel_in(state: str) -> Finder:
    """Finds the id of a channel in this state."""

    def find(stack: Stack) -> str:
        [first, *_] = [one for one in asked(stack, "/api/channels")["items"] if one["status"] == state]
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


DRAFT, SCHEDULED, RUNNING, PAUSED, DONE = (
    campaign_in(state) for state in ("draft", "scheduled", "running", "paused", "completed")
)
SETUP = "/campaigns/{campaign_id}/setup/"

PAGES: dict[str, Finder] = {
    "/sign-in": at("/sign-in"),
    "/campaigns": at("/campaigns"),
    "/campaigns/new": at("/campaigns/new"),
    **{f"{SETUP}{step}": at(f"{SETUP}{step}", campaign_id=DRAFT) for step in STEPS},
    "/campaigns/{campaign_id:uuid}": at("/campaigns/{campaign_id}", campaign_id=DONE),
    "/campaigns/{campaign_id:uuid}/pacing": at("/campaigns/{campaign_id}/pacing", campaign_id=RUNNING),
    "/campaigns/{campaign_id:uuid}/pause": at("/campaigns/{campaign_id}/pause", campaign_id=RUNNING),
    "/campaigns/{campaign_id:uuid}/resume": at("/campaigns/{campaign_id}/resume", campaign_id=PAUSED),
    "/campaigns/{campaign_id:uuid}/cancel": at("/campaigns/{campaign_id}/cancel", campaign_id=RUNNING),
    "/campaigns/{campaign_id:uuid}/retry-failed": at("/campaigns/{campaign_id}/retry-failed", campaign_id=DONE),
    "/campaigns/{campaign_id:uuid}/contacts": at("/campaigns/{campaign_id}/contacts", campaign_id=DONE),
    "/contacts/{contact_id:uuid}": at("/contacts/{contact_id}", contact_id=first_of("/api/contacts")),
    "/campaigns/{campaign_id}/rehearsal": at("/campaigns/{campaign_id}/rehearsal", campaign_id=DRAFT),
    "/channels": at("/channels"),
    "/channels/new": at("/channels/new"),
    "/channels/{channel_id}/pause": at("/channels/{channel_id}/pause", channel_id=channel_in("active")),
    "/channels/{channel_id}/resume": at("/channels/{channel_id}/resume", channel_id=channel_in("paused")),
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
    "/campaigns/{campaign_id}/rehearsal/events",
    "/channels/{channel_id}/live",
}
"""Redirects, files, streams, pieces of pages; and the page before anybody is signed in, which is among FIRST."""


@dataclass(frozen=True, slots=True)
class State:
    """A page in a state that its route alone does not show: how to get there, and the status that it comes with."""

    reach: Reach
    status: int = 200


def opened(find: Finder) -> Reach:
    """Opens an address."""

    async def reach(page: Page, stack: Stack) -> Response | None:
        return await page.goto(find(stack), wait_until="load")

    return reach


def refused(find: Finder, typed: dict[str, str], button: str) -> Reach:
    """Fills the form of a page with what cannot be (fields by id) and sends it; by a key, as a pointer would stay."""

    async def reach(page: Page, stack: Stack) -> Response | None:
        await page.goto(find(stack), wait_until="load")
        for field, text in typed.items():
            await page.fill(f"#{field}", text)
        async with page.expect_navigation(wait_until="load") as sent:
            await page.get_by_role("button", name=button).press("Enter")
        return await sent.value

    return reach


def unasked(find: Finder, form: str) -> Reach:
    """Sends a form of a page (a selector) as a browser without script does: nobody was asked whether it shall be so."""

    async def reach(page: Page, stack: Stack) -> Response | None:
        await page.goto(find(stack), wait_until="load")
        async with page.expect_navigation(wait_until="load") as sent:
            await page.evaluate("(form) => document.querySelector(form).submit()", form)
        return await sent.value

    return reach


def _welcome(stack: Stack) -> str:
    assert stack.welcome_url is not None
    return stack.welcome_url


SHORT = {"name": "Ann", "email": "ann@example.com", "password": "short"}
STRANGER = {"email": "nobody@example.com", "password": "not the password"}
MISTYPED = {"name": "Shop", "token": "two words", "device_id": "65f0c0ffee65f0c0ffee0001", "rate": "quick"}

FIRST: dict[str, State] = {
    "welcome": State(opened(_welcome)),
    "welcome-refused": State(refused(_welcome, SHORT, "Begin"), 422),
    "sign-in-refused": State(refused(at("/sign-in"), STRANGER, "Sign in"), 422),
}
"""What is seen before anybody is signed in. The link of the welcome works once: until then these must be looked at."""

STATES: dict[str, State] = {
    "campaign-draft": State(opened(at("/campaigns/{campaign_id}", campaign_id=DRAFT))),
    "campaign-scheduled": State(opened(at("/campaigns/{campaign_id}", campaign_id=SCHEDULED))),
    "campaign-running": State(opened(at("/campaigns/{campaign_id}", campaign_id=RUNNING))),
    "campaign-paused": State(opened(at("/campaigns/{campaign_id}", campaign_id=PAUSED))),
    "deliveries-held": State(opened(at("/deliveries?status=held"))),
    "not-found": State(opened(at("/nothing/here")), 404),
    "order-refused": State(opened(at("/campaigns/{campaign_id}/pause", campaign_id=DONE)), 409),
    "pacing-refused": State(
        refused(
            at("/campaigns/{campaign_id}/pacing", campaign_id=RUNNING),
            {"delay_seconds": "soon", "batch_size": "2.5"},
            "Change pacing",
        ),
        422,
    ),
    "resend-question": State(unasked(PAGES["/deliveries/{delivery_id}"], ".choices form:last-child")),
    "key-question": State(unasked(PAGES["/settings/keys"], 'form[action$="/revoke"]')),
    "channel-refused": State(refused(at("/channels/new"), MISTYPED, "Test and connect"), 422),
}
"""The same pages in other states, seen by the owner."""
