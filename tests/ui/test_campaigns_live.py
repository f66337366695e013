"""What is live on the pages of campaigns: one poller for all who look, and a browser that loses no change."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from api.app import create_app
from api.dependencies import Services
from api.ui.routes import campaign as campaign_page
from db.engine import Database
from db.secrets import SecretBox
from db.tables import User
from domain.people import Role
from tests.api.campaign_rows import change_enrollment, change_row
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.people import PASSWORD, add_user, enter
from tests.ui.test_campaigns import enroll_in

PATIENCE = 15.0


@dataclass
class House:
    """What makes the application on its own loop, and the services of each that it made."""

    make_app: Callable[[], AbstractAsyncContextManager[FastAPI]]
    made: list[Services] = field(default_factory=list)


@pytest.fixture
def house(database_url: str, secrets: SecretBox) -> House:
    """The application with a database connection of its own."""

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        own = Database.connect(database_url)
        app = create_app(own, RecordingWorkflows(), secrets, public_url=BASE_URL)
        made.made.append(app.state.services)
        yield app
        await own.close()

    made = House(make_app)
    return made


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


async def sign_in(page: Page, user: User) -> None:
    """By the form, as a person does."""
    await page.goto("/sign-in")
    await page.fill("#email", user.email or "")
    await page.fill("#password", PASSWORD)
    await page.click("main button.btn-primary")
    await page.wait_for_url("**/campaigns")


async def next_piece(lines: AsyncIterator[str]) -> str:
    """The next event's data."""
    data: list[str] = []
    async with asyncio.timeout(PATIENCE):
        async for line in lines:
            if line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            elif not line and data:
                return "\n".join(data)
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("place", ["/campaigns/live", "/campaigns/{}/live"])
async def test_all_who_look_share_one_poller_and_each_reads_their_own_language(
    house: House, company: Company, owner: User, place: str
) -> None:
    campaign_id, contact_id = await running(company)
    readers = [owner, *[await add_user(company.database, company.tenant_id, Role.VIEWER) for _ in range(4)]]
    readers[1] = await add_user(company.database, company.tenant_id, Role.VIEWER, language="fr")

    async def watch(address: str, user: User, ready: asyncio.Event) -> str:
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
            assert (await enter(http, user)).status_code == 303
            async with http.stream("GET", place.format(campaign_id)) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                lines = answer.aiter_lines()
                await next_piece(lines)
                ready.set()
                return await next_piece(lines)

    with serving(house.make_app) as address:
        async with asyncio.TaskGroup() as group:
            events = [asyncio.Event() for _ in readers]
            watchers = [group.create_task(watch(address, *one)) for one in zip(readers, events, strict=True)]
            await asyncio.gather(*(event.wait() for event in events))
            assert sum(hub.pollers for hub in house.made[0].hubs) == 1
            await change_enrollment(company, campaign_id, str(contact_id), status="failed")
        told = [watcher.result() for watcher in watchers]
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


async def test_a_page_that_lost_the_server_says_so_and_goes_on_by_itself(
    house: House, company: Company, owner: User, chromium: Browser
) -> None:
    campaign_id, contact_id = await running(company)
    async with AsyncExitStack() as stack:
        with serving(house.make_app) as address:
            page = await stack.enter_async_context(open_page(chromium, address))
            await sign_in(page, owner)
            await page.goto(f"/campaigns/{campaign_id}")
            await expect(page.locator(".is-live")).to_be_visible()
            await expect(page.locator("#count-failed")).to_have_text("0")
        await expect(page.locator(".not-live")).to_be_visible()
        await change_enrollment(company, campaign_id, str(contact_id), status="failed")
        with serving(house.make_app, port=int(address.rpartition(":")[2])):
            await expect(page.locator("#count-failed")).to_have_text("1")
            await expect(page.locator(".is-live")).to_be_visible()
            await page.goto("about:blank")


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
