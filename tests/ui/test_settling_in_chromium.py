"""What only a browser shows: ticking and settling messages, copying a secret, and pages that fit a small screen."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Dialog, Page, Route, expect

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from db.tables import User
from domain.people import Role
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company
from tests.api.rows import add_contact, add_delivery
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.people import PASSWORD, add_user


@pytest.fixture
def site(database_url: str, secrets: SecretBox) -> Iterator[str]:
    """The pages on a real server, over the tests' database."""

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        database = Database.connect(database_url, pool_size=5)
        yield create_app(database, RecordingWorkflows(), secrets, public_url=BASE_URL)
        await database.close()

    with serving(make_app) as url:
        yield url


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser."""
    async with running_chromium() as browser:
        yield browser


async def enter(page: Page, user: User, at: str) -> None:
    """Signs in and goes on to a page."""
    await page.goto(f"/sign-in?next={at}")
    await page.fill("#email", user.email or "")
    await page.fill("#password", PASSWORD)
    await page.click("main button.btn-primary")
    await page.wait_for_url(f"**{at}")


async def test_what_is_ticked_is_counted_asked_about_and_settled(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    contact = await add_contact(company)
    for _ in range(3):
        await add_delivery(company, contact, status="unknown")
    asked: list[str] = []

    async def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.accept() if "again" not in dialog.message else dialog.dismiss())

    async with open_page(chromium, site) as page:
        page.on("dialog", agree)
        await enter(page, owner, "/deliveries")
        rows = page.locator("tbody tr")
        await page.click("text=Mark as sent")
        await expect(page.locator("#settle output")).to_have_text("Tick the messages first.")
        await page.check("#every")
        await expect(page.locator("#settle output")).to_have_text("3 ticked")
        await rows.first.locator("input").uncheck()
        await expect(page.locator("#settle output")).to_have_text("2 ticked")
        await page.click("text=Send again")
        await expect(rows).to_have_count(3)  # it was not agreed to
        await page.click("text=Mark as sent")
        await expect(page.locator(".alert-success")).to_have_text("2 messages were settled.")
        await expect(rows).to_have_count(1)
    assert asked == [
        "Send 2 messages again? Whoever did get theirs gets it twice.",
        "Mark 2 messages as sent? Nothing is sent.",
    ]


async def test_settling_asks_first_though_the_page_still_loads(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    await add_delivery(company, await add_contact(company), status="unknown")
    asked: list[str] = []
    asked_for, may_come = asyncio.Event(), asyncio.Event()

    async def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    async def late(route: Route) -> None:
        asked_for.set()
        await may_come.wait()
        await route.continue_()

    async with open_page(chromium, site) as page:
        page.on("dialog", refuse)
        await enter(page, owner, "/channels")
        await page.route("**/htmx.min.js", late)
        await page.goto("/deliveries", wait_until="commit")
        await asked_for.wait()
        await page.check("tbody input")
        await page.click("text=Send again", no_wait_after=True)
        may_come.set()
        await page.wait_for_load_state()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await expect(page.locator(".alert-success")).to_have_count(0)
    assert asked == ["Send 1 message again? If it did arrive, the person gets it twice."]


async def test_a_key_that_is_shown_once_can_be_copied(site: str, chromium: Browser, owner: User) -> None:
    async with open_page(chromium, site) as page:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await enter(page, owner, "/settings/keys")
        await page.fill("#name", "CRM")
        await page.check("#scope-read")
        await page.click("text=Make the key")
        await page.click("[data-copy]")
        await expect(page.locator("[data-copy]")).to_have_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == await page.input_value("#once")
        assert copied.startswith("rl_")


@pytest.mark.parametrize("dark", [False, True])
async def test_the_pages_fit_a_small_screen(
    site: str, chromium: Browser, company: Company, owner: User, dark: bool
) -> None:
    await add_user(company.database, company.tenant_id, Role.VIEWER, name="Somebody with quite a long name")
    contact = await add_contact(company)
    lost = await add_delivery(company, contact, status="unknown", reason="The answer was lost.")
    await add_delivery(company, contact, status="held", reason="daily_quota", limit_name="daily quota of 5")
    async with open_page(chromium, site, width=360, height=740, dark=dark) as page:
        await enter(page, owner, "/channels")
        for path in (
            "/channels",
            "/channels/new",
            f"/channels/{company.channel_id}",
            "/deliveries",
            "/deliveries?status=held",
            f"/deliveries/{lost.id}",
            "/settings",
            "/settings/keys",
            "/settings/people",
        ):
            await page.goto(path)
            assert await page.evaluate("document.scrollingElement.scrollWidth") <= 360, path
            assert await page.evaluate("document.querySelectorAll('h1').length") == 1, path
