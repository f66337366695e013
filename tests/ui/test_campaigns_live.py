"""What is live on the pages of campaigns: one poller for all who look, and a browser that loses no change."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from api.ui.routes import campaign as campaign_page
from api.ui.routes.campaigns import PAGE
from db.tables import ActionLogLine, User
from domain.people import Role
from domain.sign_in import IDLE
from tests.api.campaign_rows import change_enrollment, change_row
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, keep
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.layout import moves, moves_are_seen, places, watch_moves
from tests.ui.people import add_user, enter, set_sessions_back, signed_in
from tests.ui.served import PATIENCE, House, next_piece, sign_in, told_of
from tests.ui.test_campaigns import enroll_in

LANDMARKS = (
    "#order-pause",
    "#order-retry-failed",
    "#order-cancel",
    "#order-pacing",
    "#order-export",
    "#count-total",
    "#count-failed",
    "#count-held",
    "#why-held",
    "#last-events",
    "#pace",
    "#course",
    "#texts",
    "#hours",
)
"""What is looked at on a campaign's page, from top to bottom."""


@pytest_asyncio.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for these tests."""
    async with running_chromium() as browser:
        yield browser


async def running(company: Company, name: str = "Autumn") -> tuple[str, UUID]:
    """A running campaign with one contact that waits."""
    made = await company.campaign(name=name)
    await change_row(company, made["id"], status="running")
    return made["id"], await enroll_in(company, made["id"])


@pytest.mark.parametrize("place", ["/campaigns/live", "/campaigns/{}/live"])
async def test_all_who_look_share_one_poller_and_each_reads_their_own_language(
    house: House, company: Company, owner: User, place: str
) -> None:
    campaign_id, contact_id = await running(company)
    readers = [owner, *[await add_user(company.database, company.tenant_id, Role.VIEWER) for _ in range(4)]]
    readers[1] = await add_user(company.database, company.tenant_id, Role.VIEWER, language="fr")

    async def fails() -> None:
        await change_enrollment(company, campaign_id, str(contact_id), status="failed")

    told = await told_of(house, place.format(campaign_id), readers, fails)
    assert "1 of 1" in told[0]
    assert "1 sur 1" in told[1]
    assert "/cancel" not in told[2]
    assert told[2] == told[3] == told[4]


async def test_a_piece_is_written_once_for_those_who_read_alike(
    house: House, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id, _ = await running(company)
    written: list[str] = []
    real = campaign_page.STANDING

    def counting(visit: object, state: object) -> str:
        written.append("once")
        return real(visit, state)  # type: ignore[arg-type]

    monkeypatch.setattr(campaign_page, "STANDING", counting)
    readers = [await add_user(company.database, company.tenant_id, Role.VIEWER) for _ in range(3)]
    all_here = asyncio.Barrier(len(readers))

    async def look(address: str, user: User) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
            assert (await enter(http, user)).status_code == 303
            async with http.stream("GET", f"/campaigns/{campaign_id}/live") as answer:
                lines = answer.aiter_lines()  # held: an iterator that nobody holds hangs up by itself
                await next_piece(lines)
                async with asyncio.timeout(PATIENCE):
                    await all_here.wait()

    with serving(house.make_app) as address:
        async with asyncio.TaskGroup() as group:
            for user in readers:
                group.create_task(look(address, user))
    assert written == ["once"]


async def test_the_list_changes_without_a_reload(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, contact_id = await running(company)
    with serving(house.make_app) as address:
        async with open_page(chromium, address) as page:
            await sign_in(page, owner)
            row = page.locator(f"[data-campaign='{campaign_id}']")
            await expect(page.locator(".is-live")).to_be_visible()
            await expect(row).to_contain_text("0 of 1")
            link = page.locator(f"#campaign-{campaign_id}")
            await link.focus()
            await change_enrollment(company, campaign_id, str(contact_id), status="failed")
            await expect(row).to_contain_text("1 of 1")
            await expect(link).to_be_focused()
            await change_row(company, campaign_id, status="paused")
            await expect(row).to_contain_text("Paused")


async def test_a_campaign_that_comes_in_leaves_a_way_to_the_one_that_it_pushes_off_the_page(
    house: House, app: FastAPI, company: Company, owner: User
) -> None:
    for number in range(PAGE):
        await company.campaign(name=f"Letter {number:02d}")

    async def one_more() -> None:
        await company.campaign(name="The newest letter")

    [told] = await told_of(house, "/campaigns/live?search=letter", [owner], one_more)
    assert ("The newest letter" in told, "Letter 00" in told) == (True, False)
    older = told.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    async with signed_in(app, owner) as http:
        second = (await http.get(older)).text
    assert re.findall(r">(.* letter|Letter \d\d)</a>", second) == ["Letter 00"]


async def trouble(company: Company, campaign_id: str) -> None:
    """Contacts that failed, messages that are held for two reasons, and more events than the page shows."""
    now = datetime.now(UTC)
    await enroll_in(company, campaign_id, status="failed", reason="Not on WhatsApp", message_1_at=now)
    await enroll_in(company, campaign_id, status="pending", held=True, reason="daily_quota")
    contact = await add_contact(company)
    about: dict[str, Any] = {"campaign_id": UUID(campaign_id), "status": "held"}
    for reason, limit in (("daily_quota", "daily quota of 5"), ("installation_held", None)):
        delivery = await add_delivery(
            company, contact, **about, kind="message_1", reason=reason, limit_name=limit, hold_until=now
        )
        own: dict[str, Any] = {**about, "tenant_id": company.tenant_id, "contact_id": contact.id, "reason": reason}
        lines = [ActionLogLine(**own, delivery_id=delivery.id, action="message_1") for _ in range(6)]
        await keep(company, *lines)


@pytest.mark.parametrize(("width", "height", "language"), [(1280, 3200, "en"), (360, 6000, "fr")])
async def test_nothing_moves_when_messages_fail_and_are_held(
    house: House, company: Company, chromium: Browser, width: int, height: int, language: str
) -> None:
    campaign_id, _ = await running(company)
    person = await add_user(company.database, company.tenant_id, Role.OWNER, language=language)
    with serving(house.make_app) as address:
        async with open_page(chromium, address, width=width, height=height) as page:
            await sign_in(page, person)
            await page.goto(f"/campaigns/{campaign_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            await page.locator("[data-points]").wait_for()
            await expect(page.locator("#order-retry-failed")).to_have_attribute("aria-disabled", "true")
            before = await places(page, LANDMARKS)
            await watch_moves(page)
            await trouble(company, campaign_id)
            await expect(page.locator("#count-failed")).to_have_text("1")
            await expect(page.locator("#count-held")).to_have_text("1")
            await expect(page.locator("#wide-holds tbody tr")).to_have_count(2)
            await expect(page.locator("#wide-events tbody tr")).to_have_count(10)
            await expect(page.locator("#last-contact")).to_be_visible()
            await expect(page.locator("#order-retry-failed")).to_have_attribute("href", re.compile("/retry-failed$"))
            assert await places(page, LANDMARKS) == before
            assert await moves(page) == []
            assert await moves_are_seen(page)


async def test_an_order_takes_the_place_of_the_one_before(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, _ = await running(company)
    others = tuple(landmark for landmark in LANDMARKS if landmark != "#order-pause")
    reason = "12 of 40 messages met an error (30 %), over the limit of 20 %"
    with serving(house.make_app) as address:
        async with open_page(chromium, address, height=3200) as page:
            await sign_in(page, owner)
            await page.goto(f"/campaigns/{campaign_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            [pause] = (await places(page, ("#order-pause",))).values()
            before = await places(page, others)
            await change_row(company, campaign_id, status="paused", paused_reason=reason)
            await expect(page.get_by_text(reason)).to_be_visible()
            assert await places(page, ("#order-resume", *others)) == {"#order-resume": pause, **before}
            await change_row(company, campaign_id, status="completed", ended_at=datetime.now(UTC))
            await expect(page.locator("#order-cancel")).to_have_attribute("aria-disabled", "true")
            assert await places(page, ("#order-pause", *others)) == {"#order-pause": pause, **before}


async def test_no_column_of_the_list_moves_when_its_numbers_grow(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, _ = await running(company)
    columns = tuple(f".campaigns-list thead th:nth-child({place})" for place in range(1, 8))
    with serving(house.make_app) as address:
        async with open_page(chromium, address) as page:
            await sign_in(page, owner)
            row = page.locator(f"[data-campaign='{campaign_id}']")
            await expect(page.locator(".is-live")).to_be_visible()
            before = await places(page, (*columns, ".pages"))
            await watch_moves(page)
            for _ in range(12):
                await enroll_in(company, campaign_id, status="failed")
            await change_row(company, campaign_id, delay_seconds=3599)
            await expect(row).to_contain_text("12 of 13")
            await expect(row).to_contain_text("59 minutes 59 seconds")
            assert await places(page, (*columns, ".pages")) == before
            assert await moves(page) == []


async def test_a_table_that_was_pushed_aside_on_a_phone_stays_so(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, contact_id = await running(company)
    with serving(house.make_app) as address:
        async with open_page(chromium, address, width=360) as page:
            await sign_in(page, owner)
            await expect(page.locator(".is-live")).to_be_visible()
            await page.evaluate("document.querySelector('#wide-campaigns').scrollLeft = 150")
            await page.locator("#wide-campaigns").focus()
            await change_enrollment(company, campaign_id, str(contact_id), status="failed")
            await expect(page.locator(f"[data-campaign='{campaign_id}']")).to_contain_text("1 of 1")
            await expect(page.locator("#wide-campaigns")).to_be_focused()
            assert await page.evaluate("document.querySelector('#wide-campaigns').scrollLeft") == 150


@asynccontextmanager
async def watching(chromium: Browser, address: str, user: User, campaign_id: str) -> AsyncIterator[Page]:
    """A tab with a campaign's page that is live."""
    async with open_page(chromium, address) as page:
        await sign_in(page, user)
        await page.goto(f"/campaigns/{campaign_id}")
        await expect(page.locator(".is-live")).to_be_visible()
        yield page


async def test_a_page_that_lost_the_server_says_so_and_goes_on_by_itself(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, contact_id = await running(company)
    async with AsyncExitStack() as stack:
        with serving(house.make_app) as address:
            page = await stack.enter_async_context(watching(chromium, address, owner, campaign_id))
            await expect(page.locator("#count-failed")).to_have_text("0")
        await expect(page.locator(".not-live")).to_be_visible()
        await change_enrollment(company, campaign_id, str(contact_id), status="failed")
        with serving(house.make_app, port=int(address.rpartition(":")[2])):
            await expect(page.locator("#count-failed")).to_have_text("1")
            await expect(page.locator(".is-live")).to_be_visible()
            await page.goto("about:blank")


async def test_a_page_whose_session_ends_while_it_is_watched_says_so_and_leads_back(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, _ = await running(company)
    async with AsyncExitStack() as stack:
        with serving(house.make_app) as address:
            page = await stack.enter_async_context(watching(chromium, address, owner, campaign_id))
            await expect(page.locator(".is-over")).to_be_hidden()
        await set_sessions_back(company.database, owner, "seen_at", IDLE)
        with serving(house.make_app, port=int(address.rpartition(":")[2])):
            await page.locator(".is-over").click()
            await page.wait_for_url(f"**/sign-in?next=/campaigns/{campaign_id}")


async def test_a_process_that_stops_ends_its_streams(house: House, company: Company, owner: User) -> None:
    campaign_id, _ = await running(company)
    with ExitStack() as server:
        address = server.enter_context(serving(house.make_app))
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
            await enter(http, owner)
            async with http.stream("GET", f"/campaigns/{campaign_id}/live") as answer:
                lines = answer.aiter_lines()
                await next_piece(lines)
                server.close()
                async with asyncio.timeout(PATIENCE):
                    assert [line async for line in lines if line.startswith("data:")] == []


@pytest.mark.parametrize("dark", [False, True])
async def test_the_chart_is_drawn_and_the_page_fits_a_phone(
    house: House, company: Company, owner: User, chromium: Browser, *, dark: bool
) -> None:
    campaign_id, contact_id = await running(company)
    begun = datetime.now(UTC) - timedelta(minutes=5)
    await change_row(company, campaign_id, started_at=begun)
    await enroll_in(company, campaign_id, status="sent", message_1_at=begun + timedelta(minutes=4))
    with serving(house.make_app) as address:
        async with open_page(chromium, address, width=360, dark=dark) as page:
            await sign_in(page, owner)
            await page.goto(f"/campaigns/{campaign_id}")
            await expect(page.locator("[data-chart]")).to_have_attribute("data-points", "24")
            await expect(page.locator(".chart canvas")).to_have_count(3)
            for place in ("", "/contacts", "/pause", "/pacing"):
                await page.goto(f"/campaigns/{campaign_id}{place}")
                assert await page.evaluate("document.documentElement.scrollWidth") <= 360, place
            await page.goto(f"/contacts/{contact_id}?campaign={campaign_id}")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360
