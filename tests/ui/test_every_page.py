"""Every page in a real browser: no serious barrier (axe-core), no scrolling sideways on a phone, no failing script.

Also in states that look different: before anybody is signed in, campaigns in each state, what is refused or not found.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, StorageState, expect

from cli.stack.stack import Stack
from tests.ui.chromium import open_page, running_chromium
from tests.ui.every_page import FIRST, NO_PAGES, PAGES, STATES, State, opened, routes
from tests.ui.house import filled_installation, first_visit

SERIOUS = {"serious", "critical"}
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""axe's rules that look at colours: in the dark nothing else of a page is another."""

DESKTOP, PHONE = 1280, 360

Flaw = tuple[str, list[str]]
"""What is wrong, and the first places."""

pytestmark = pytest.mark.timeout(240)


@pytest_asyncio.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    """A filled installation."""
    async with filled_installation() as stack:
        yield stack


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module")
async def first_pages(stack: Stack, browser: Browser) -> dict[str, list[Flaw]]:
    """What is wrong with the pages before anybody is signed in; looking at them does not use the link up."""
    return {name: await looked_at(stack, browser, state) for name, state in FIRST.items()}


@pytest_asyncio.fixture(scope="module")
async def signed_in(stack: Stack, browser: Browser, first_pages: dict[str, list[Flaw]]) -> StorageState:
    """What a browser keeps of the owner who has signed in, by the link that was looked at before."""
    assert first_pages.keys() == FIRST.keys()
    async with first_visit(browser, stack) as page:
        return await page.context.storage_state()


def test_every_route_is_a_page_that_is_looked_at_or_known_to_be_none() -> None:
    assert set(routes()) == set(PAGES) | NO_PAGES


@pytest.mark.parametrize("name", FIRST)
async def test_a_page_before_anybody_is_signed_in_has_no_barrier_and_fits(
    first_pages: dict[str, list[Flaw]], name: str
) -> None:
    assert first_pages[name] == []


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_barrier_and_fits(
    stack: Stack, browser: Browser, signed_in: StorageState, path: str
) -> None:
    kept = None if path == "/sign-in" else signed_in
    assert await looked_at(stack, browser, State(opened(PAGES[path])), kept) == []


@pytest.mark.parametrize("name", STATES)
async def test_a_page_in_another_state_has_no_barrier_and_fits(
    stack: Stack, browser: Browser, signed_in: StorageState, name: str
) -> None:
    assert await looked_at(stack, browser, STATES[name], signed_in) == []


async def looked_at(stack: Stack, browser: Browser, state: State, kept: StorageState | None = None) -> list[Flaw]:
    """What is wrong with a page, in light and dark and on a phone."""
    async with open_page(browser, stack.addresses.api, width=DESKTOP, kept=kept) as page:
        answer = await state.reach(page, stack)
        assert answer is not None
        assert answer.status == state.status
        flaws = [*await barriers(page), *await too_wide(page, DESKTOP)]
        # With reduced motion no button is judged while it still takes on its colour.
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        flaws += await barriers(page, runOnly=COLOUR_RULES)
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await page.set_viewport_size({"width": PHONE, "height": 800})
        return [*flaws, *await barriers(page), *await too_wide(page, PHONE)]


async def too_wide(page: Page, width: int) -> list[Flaw]:
    """Whether the page must be scrolled sideways."""
    taken: int = await page.evaluate("document.documentElement.scrollWidth")
    return [(f"{taken} pixels wide where there are {width}", [])] if taken > width else []


async def barriers(page: Page, **options: Any) -> list[Flaw]:
    """What axe finds serious on the page as it is: each rule, and the first places; `options` are axe's own."""
    found = await Axe().run(page, options={"resultTypes": ["violations"], **options})
    serious = [one for one in found.response["violations"] if one["impact"] in SERIOUS]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious]
