"""Every page in a real browser: no serious barrier (axe-core), no scrolling sideways on a phone, no failing script."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, StorageState, expect

from cli.stack.stack import Stack
from tests.ui.chromium import open_page, running_chromium
from tests.ui.every_page import NO_PAGES, PAGES, routes
from tests.ui.house import filled_installation, first_visit

SERIOUS = {"serious", "critical"}
DESKTOP, PHONE = 1280, 360

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
async def signed_in(stack: Stack, browser: Browser) -> StorageState:
    """What a browser keeps of the owner who has signed in."""
    async with first_visit(browser, stack) as page:
        return await page.context.storage_state()


def test_every_route_is_a_page_that_is_looked_at_or_known_to_be_none() -> None:
    assert set(routes()) == set(PAGES) | NO_PAGES


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_barrier_and_fits(
    stack: Stack, browser: Browser, signed_in: StorageState, path: str
) -> None:
    kept = None if path == "/sign-in" else signed_in
    async with open_page(browser, stack.addresses.api, width=DESKTOP, kept=kept) as page:
        answer = await page.goto(PAGES[path](stack), wait_until="load")
        assert answer is not None
        assert answer.status == 200
        assert await barriers(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= DESKTOP
        # With reduced motion no button is judged while it still takes on its colour.
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        assert await barriers(page) == []
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await page.set_viewport_size({"width": PHONE, "height": 800})
        assert await barriers(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE


async def barriers(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds serious on the page as it is: each rule, and the first places."""
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    serious = [one for one in found.response["violations"] if one["impact"] in SERIOUS]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in serious]
