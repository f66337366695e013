"""What is live on the page of a channel: one poller for all who look, and nothing that moves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from db.tables import User
from domain.people import Role
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, set_channel, stored_channel
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.layout import moves, moves_are_seen, places, watch_moves
from tests.ui.people import add_user
from tests.ui.served import House, sign_in, told_of

LANDMARKS = ("#health-part", "#webhook-part", "#webhook", "#limits-part", "#name", "#credentials-part", "#device_id")


@pytest_asyncio.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for these tests."""
    async with running_chromium() as browser:
        yield browser


async def trouble(company: Company) -> None:
    """The platform refuses, asks to slow down, and messages are held."""
    later = datetime.now(UTC) + timedelta(hours=3)
    contact = await add_contact(company)
    for _ in range(2):
        await add_delivery(company, contact, status="held")
    await set_channel(
        company,
        status="blocked",
        status_reason="The plan of this account has ended.",
        breaker={"state": "open", "open_until": later.isoformat()},
        throttled_until=later,
        daily_quota=10_000_000,
        rate_per_second=0.00512,
    )


async def test_all_who_look_share_one_poller_and_each_reads_their_own_language(
    house: House, company: Company, owner: User
) -> None:
    viewers = [await add_user(company.database, company.tenant_id, Role.VIEWER) for _ in range(3)]
    french = await add_user(company.database, company.tenant_id, Role.VIEWER, language="fr")

    async def pauses() -> None:
        await set_channel(company, status="paused", status_reason="Paused by an operator.")

    told = await told_of(house, f"/channels/{company.channel_id}/live", [owner, french, *viewers], pauses)
    assert "Paused by an operator." in told[0]
    assert "Mise en pause par un opérateur." in told[1]
    assert told[2] == told[3] == told[4]


@pytest.mark.parametrize(("width", "height", "language"), [(1280, 2600, "en"), (360, 3600, "fr")])
async def test_the_page_changes_without_a_reload_and_nothing_on_it_moves(
    house: House, company: Company, chromium: Browser, width: int, height: int, language: str
) -> None:
    person = await add_user(company.database, company.tenant_id, Role.OWNER, language=language)
    with serving(house.make_app) as address:
        async with open_page(chromium, address, width=width, height=height) as page:
            await sign_in(page, person)
            await page.goto(f"/channels/{company.channel_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            before = await places(page, LANDMARKS)
            await watch_moves(page)
            await trouble(company)
            await expect(page.locator("#health [data-state=failed]")).to_be_visible()
            await expect(page.locator("#health")).to_contain_text("The plan of this account has ended.")
            assert await places(page, LANDMARKS) == before
            assert await moves(page) == []
            assert await moves_are_seen(page)


async def test_what_may_be_ordered_is_as_live_as_the_state(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    contact = await add_contact(company)
    others = ("h1", *LANDMARKS)
    with serving(house.make_app) as address:
        async with open_page(chromium, address, height=2600) as page:
            await sign_in(page, owner)
            await page.goto(f"/channels/{company.channel_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            [pause] = (await places(page, ("#order-pause",))).values()
            before = await places(page, others)
            await set_channel(company, status="paused", status_reason="Paused by an operator.")
            await expect(page.locator("#order-resume")).to_be_visible()
            assert await places(page, ("#order-resume", *others)) == {"#order-resume": pause, **before}
            await add_delivery(company, contact, status="held")
            await page.click("#order-resume")
            await expect(page.locator("#question")).to_contain_text("It lets 1 held message go on")
            await page.get_by_role("button", name="Yes: Resume the channel").click()
            await expect(page.locator("#order-pause")).to_be_visible()
    assert (await stored_channel(company, company.channel_id)).status == "active"
