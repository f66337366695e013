"""Work by keyboard alone: from the sign-in to a paused campaign, and at each stop one sees where one is."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from db.tables import User
from domain.campaigns import Command
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.people import PASSWORD
from tests.ui.served import House
from tests.ui.test_campaigns import enroll_in

MOST_STOPS = 40
_STOP = """() => {
  const here = document.activeElement;
  const box = here.getBoundingClientRect();
  const style = getComputedStyle(here);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const inView = box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight && box.left < innerWidth;
  return {
    name: here.id || here.textContent.trim().slice(0, 60) || here.tagName,
    seen: here.matches(":focus-visible") && (outlined || style.boxShadow !== "none") && inView,
  };
}"""


@pytest_asyncio.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for these tests."""
    async with running_chromium() as browser:
        yield browser


async def tab_to(page: Page, wanted: str) -> None:
    """Goes on by the tabulator until the wanted one (a selector) has the focus; every stop on the way must be seen."""
    stops: list[str] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop: dict[str, Any] = await page.evaluate(_STOP)
        stops.append(stop["name"])
        assert stop["seen"], f"nothing shows that the focus is at {stop['name']!r}"
        if await page.locator(f"{wanted}:focus").count():
            return
    raise AssertionError(f"{wanted} is not among {stops}")


async def test_a_campaign_is_found_and_paused_by_keyboard_alone(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status="running")
    await enroll_in(company, campaign_id)
    with serving(house.make_app) as address:
        async with open_page(chromium, address) as page:
            # Without transitions: a ring that is still being drawn is not yet to be seen.
            await page.emulate_media(reduced_motion="reduce")
            await page.goto("/sign-in")
            await tab_to(page, "#email")
            await page.keyboard.type(owner.email or "")
            await tab_to(page, "#password")
            await page.keyboard.type(PASSWORD)
            await tab_to(page, "main .btn-primary")
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/campaigns")
            await expect(page.locator(".is-live")).to_be_visible()
            await tab_to(page, f"#campaign-{campaign_id}")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**/campaigns/{campaign_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            await tab_to(page, "#order-pause")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**/campaigns/{campaign_id}/pause")
            await expect(page.locator("#question")).to_contain_text("Pause the campaign?")
            await tab_to(page, ".orders button")
            assert house.workflows.asked("command") == []
            await page.keyboard.press("Enter")
            await expect(page.get_by_text("The campaign is paused.")).to_be_visible()
            assert house.workflows.asked("command") == [(UUID(campaign_id), Command.PAUSE)]
