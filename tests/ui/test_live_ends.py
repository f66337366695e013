"""When what a page shows can no longer be read: its stream ends, so that nobody takes old figures for live ones."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from api.streams import POLL_SECONDS
from api.ui.routes.channels import HEALTH_SECONDS
from db.tables import User
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.served import House, sign_in, watching

SLACK_SECONDS = 30.0
"""A page's stream that nothing ends lasts ten times as long."""

PLACES = {
    "/campaigns/live": POLL_SECONDS,
    "/campaigns/{campaign_id}/live": POLL_SECONDS,
    "/channels/{channel_id}/live": HEALTH_SECONDS,
}


async def _fails(_key: object) -> None:
    raise ConnectionRefusedError


async def _is_broken(_key: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("read", [_fails, _is_broken])
@pytest.mark.parametrize("place", PLACES)
async def test_the_stream_of_a_page_ends_when_a_read_fails_and_the_next_one_begins_anew(
    house: House, company: Company, owner: User, place: str, read: Callable[[object], Awaitable[None]]
) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status="running")
    at = place.format(campaign_id=campaign_id, channel_id=company.channel_id)
    with serving(house.make_app) as address:
        async with watching(address, at, [owner]) as [lines]:
            working = [(hub, hub._read) for hub in house.made[-1].hubs]
            for hub, _ in working:
                hub._read = read
            async with asyncio.timeout(PLACES[place] + SLACK_SECONDS):
                assert [line async for line in lines if line.startswith("data: ")] == []
        for hub, works in working:
            hub._read = works
        async with watching(address, at, [owner]):  # who is told the present state
            assert house.pollers == 1


_NOTE = """() => {
  window.said = [];
  const place = document.querySelector("[data-live]");
  new MutationObserver(() => window.said.push(place.dataset.live)).observe(place, { attributeFilter: ["data-live"] });
}"""


async def test_a_page_is_not_called_live_again_before_it_is_told_the_present_state(
    house: House, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status="running")
    with serving(house.make_app) as address:
        async with running_chromium() as chromium, open_page(chromium, address) as page:
            await sign_in(page, owner)
            await page.goto(f"/campaigns/{campaign_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            await page.evaluate(_NOTE)
            working = [(hub, hub._read) for hub in house.made[-1].hubs]
            for hub, _ in working:
                hub._read = _fails
            await expect(page.locator(".not-live")).to_be_visible()
            for _ in range(2):  # it asks again and again
                async with page.expect_response("**/live"):
                    pass
            for hub, works in working:
                hub._read = works
            await change_row(company, campaign_id, status="paused")
            await expect(page.locator(".is-live")).to_be_visible()
            await expect(page.locator(".standing")).to_contain_text("Paused")
            said = await page.evaluate("window.said")
    assert said[-1] == "yes"
    assert set(said[:-1]) == {"no"}
