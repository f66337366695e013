"""People at work on the whole stack in a real browser: a campaign from first to last, and what goes wrong beside it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, StorageState, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from cli.stack.stack import Stack
from tests.ui.chromium import open_page, running_chromium
from tests.ui.house import EMAIL, accept, asked, campaign_under_way, first_visit, invited, running_installation, sign_in
from tests.ui.people import PASSWORD

DEVICE = "65f0c0ffee65f0c0ffee0001"
PEOPLE = 12
FINISHED_WITHIN_MS = 90_000
MANY_PEOPLE, SLOWLY = 120, 2.0
"""So many, so slowly, that their campaign lasts longer than a test."""

AWAY_SECONDS = 2.0
LIVE_AGAIN_MS = 45_000
EVENTS = ["message:in:new", "message:out:sent", "message:out:ack", "message:out:failed"]
EVERYBODY_ANSWERS = {
    "people": {"reply_share": 1.0, "stop_share": 0.0, "delay": {"min_seconds": 0.5, "max_seconds": 2.0}},
    "receipts": {"announce": True, "delivered_share": 1.0, "read_share": 1.0, "failed_share": 0.0},
}

pytestmark = pytest.mark.timeout(240)


@pytest_asyncio.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    """A new installation that nobody has signed in to."""
    async with running_installation() as stack:
        yield stack


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module")
async def owner(stack: Stack, browser: Browser) -> StorageState:
    """What a browser keeps of the owner, who has signed in for the first time by the link that the stack printed."""
    async with first_visit(browser, stack) as page:
        return await page.context.storage_state()


@pytest_asyncio.fixture
async def campaign_id(stack: Stack) -> str:
    """A campaign whose messages are going out."""
    return await asyncio.to_thread(campaign_under_way, stack, MANY_PEOPLE, SLOWLY)


async def test_somebody_who_never_saw_the_api_runs_a_campaign(
    stack: Stack, browser: Browser, owner: StorageState, tmp_path: Path
) -> None:
    async with open_page(browser, stack.addresses.api, kept=owner) as page:
        await page.goto("/campaigns")
        await connect_a_channel(page, stack)
        await make_a_campaign(page, tmp_path)
        await launch(page)
        await watch_it_to_its_end(page)
        await read_a_contacts_story(page)
        await invite_a_viewer(page, browser, stack)
    [campaign] = [one for one in asked(stack, "/api/campaigns")["items"] if one["name"] == "Autumn"]
    counts = asked(stack, f"/api/campaigns/{campaign['id']}")["counts"]
    assert (counts["total"], counts["replied"], counts["message_2_sent"]) == (PEOPLE, PEOPLE, PEOPLE)


async def connect_a_channel(page: Page, stack: Stack) -> None:
    """Connects an account, and tells the platform the address that the page shows."""
    await page.get_by_role("link", name="Channels").first.click()
    await page.get_by_role("link", name="Connect a channel").first.click()
    await page.get_by_label("API key").fill("any-token")
    await page.get_by_label("Device id").fill(DEVICE)
    await page.get_by_label("Name").fill("Main number")
    await page.get_by_label("Messages per second at most").fill("10")
    await page.get_by_role("button", name="Test and connect").click()
    address = await page.get_by_label("Webhook address").input_value()
    assert urlsplit(address).path.startswith("/webhooks/wassenger/")
    hook = {"name": "journey", "url": address, "events": EVENTS, "device": DEVICE}
    async with httpx.AsyncClient(base_url=stack.addresses.simulator, headers={"Token": "any-token"}) as platform:
        (await platform.post("/v1/webhooks", json=hook)).raise_for_status()
        (await platform.patch("/control/behaviour", json=EVERYBODY_ANSWERS)).raise_for_status()


async def make_a_campaign(page: Page, place: Path) -> None:
    """Goes through the steps up to the last."""
    file = place / "people.csv"
    rows = [f"+33639980{number:03},Zoé" for number in range(PEOPLE)]
    file.write_text("\n".join(["phone,first_name", *rows, rows[0], "nobody,Bo"]) + "\n", encoding="utf-8")
    await page.get_by_role("link", name="Campaigns").first.click()
    await page.get_by_role("link", name="New campaign").first.click()
    await page.get_by_label("Name").fill("Autumn")
    await page.get_by_label("How long a reply counts").fill("0.2")
    await page.get_by_label("Unit").select_option("minutes")
    await page.get_by_role("button", name="Make the draft").click()
    await page.set_input_files("#file", file)
    await page.get_by_role("button", name="Take these contacts in").click()
    await expect(page.locator("#added")).to_have_text(str(PEOPLE))
    await page.locator("#taken").get_by_role("link", name="On to the messages").click()
    await page.locator("#message_1").fill("Hello {{ first_name }}, may we tell you more?")
    await page.locator("#message_2").fill("Here it is, {{ first_name }}.")
    await page.get_by_role("button", name="Save and go on").click()
    await page.get_by_label("Delay between two messages").fill("0")
    await page.get_by_role("button", name="Save and go on").click()


async def launch(page: Page) -> None:
    """Confirms what the page asks."""
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Launch the campaign").click()
    await page.wait_for_url("**/campaigns/*")


async def watch_it_to_its_end(page: Page) -> None:
    """The figures move by themselves: nothing is loaded again."""
    await expect(page.get_by_text("Completed").first).to_be_visible(timeout=FINISHED_WITHIN_MS)


async def read_a_contacts_story(page: Page) -> None:
    """Opens one of the contacts and finds both messages and the reply."""
    await page.get_by_role("link", name="Contacts").first.click()
    await page.get_by_role("link", name="+33639980000").click()
    await expect(page.get_by_text("Hello Zoé, may we tell you more?")).to_be_visible()
    await expect(page.get_by_text("Here it is, Zoé.")).to_be_visible()


async def invite_a_viewer(page: Page, browser: Browser, stack: Stack) -> None:
    """Somebody who may only look finds nothing to launch with."""
    link = await invited(page, "viewer", "vic@example.com")
    async with open_page(browser, stack.addresses.api) as other:
        await accept(other, link)
        await expect(other.get_by_role("link", name="Autumn")).to_be_visible()
        await expect(other.get_by_role("link", name="New campaign")).to_have_count(0)
        answer = await other.goto("/campaigns/new")
        assert answer is not None
        assert answer.status == 403


async def test_a_wrong_password_is_told_and_the_right_one_lets_in(
    stack: Stack, browser: Browser, owner: StorageState
) -> None:
    async with open_page(browser, stack.addresses.api) as page:
        await page.goto("/campaigns")
        await page.wait_for_url("**/sign-in?**")
        await enter(page, "not the password")
        await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        await expect(page.get_by_label("E-mail address")).to_have_value(EMAIL)
        await enter(page, PASSWORD)
        await page.wait_for_url("**/campaigns")


async def enter(page: Page, password: str) -> None:
    """Fills in the form and sends it."""
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


@pytest.mark.usefixtures("campaign_id")  # with an account to write from
async def test_a_wrong_file_is_told_and_the_right_one_still_goes(
    stack: Stack, browser: Browser, owner: StorageState
) -> None:
    async with open_page(browser, stack.addresses.api, kept=owner) as page:
        await page.goto("/campaigns/new")
        await page.get_by_label("Name").fill("Wrong and right")
        await page.get_by_role("button", name="Make the draft").click()
        await page.wait_for_url("**/setup/audience")
        await choose(page, "town\nLyon\n")
        await expect(page.locator("#look [role=alert]")).to_contain_text("No column holds the phone numbers")
        await expect(page.locator("#send")).to_be_disabled()
        await choose(page, "phone\n+33612345678\nnobody\n")
        await page.locator("#send").click()
        await expect(page.locator("#added")).to_have_text("1")


async def choose(page: Page, content: str) -> None:
    """Chooses a file of this content."""
    await page.set_input_files("#file", {"name": "people.csv", "mimeType": "text/csv", "buffer": content.encode()})


async def test_an_expired_session_leads_to_the_sign_in_and_back_to_the_page(
    stack: Stack, browser: Browser, owner: StorageState, campaign_id: str
) -> None:
    async with open_page(browser, stack.addresses.api) as page:
        await sign_in(page)
        await page.goto(f"/campaigns/{campaign_id}")
        await expire_the_newest_session(stack)
        await page.locator("#order-contacts").click()
        await page.wait_for_url("**/sign-in?**")
        await enter(page, PASSWORD)
        await page.wait_for_url(f"**/campaigns/{campaign_id}/contacts")
        await expect(page.get_by_role("link", name="+3363998").first).to_be_visible()


async def expire_the_newest_session(stack: Stack) -> None:
    """As if its owner had been away for a year."""
    engine = create_async_engine(stack.addresses.database)
    newest = "(SELECT id FROM user_sessions ORDER BY created_at DESC LIMIT 1)"
    async with engine.begin() as connection:
        changed = await connection.execute(
            text(f"UPDATE user_sessions SET seen_at = now() - interval '1 year' WHERE id = {newest}")
        )
        assert changed.rowcount == 1
    await engine.dispose()


async def test_a_campaign_that_is_watched_goes_on_after_the_server_was_killed(
    stack: Stack, browser: Browser, owner: StorageState, campaign_id: str
) -> None:
    async with open_page(browser, stack.addresses.api, kept=owner) as page:
        await page.goto(f"/campaigns/{campaign_id}")
        await expect(page.locator(".is-live")).to_be_visible()
        stack.kill("api", down_seconds=AWAY_SECONDS)
        await expect(page.locator(".not-live")).to_be_visible()
        await expect(page.locator(".is-live")).to_be_visible(timeout=LIVE_AGAIN_MS)
        before = await page.locator("#count-pending").inner_text()
        await expect(page.locator("#count-pending")).not_to_have_text(before)
        await page.goto("about:blank")


async def test_of_two_operators_who_pause_at_once_one_does_and_the_other_is_told(
    stack: Stack, browser: Browser, owner: StorageState, campaign_id: str
) -> None:
    async with (
        open_page(browser, stack.addresses.api, kept=owner) as one,
        open_page(browser, stack.addresses.api) as two,
    ):
        await one.goto("/campaigns")
        await accept(two, await invited(one, "operator", "otto@example.com"))
        for page in (one, two):
            await page.goto(f"/campaigns/{campaign_id}/pause")
        yes = [page.get_by_role("button", name="Yes: Pause") for page in (one, two)]
        await asyncio.gather(*(button.click() for button in yes))
        await asyncio.gather(*(page.wait_for_url("**?done=*") for page in (one, two)))
        assert sorted(page.url.partition("?done=")[2] for page in (one, two)) == ["already", "pause"]
        for page in (one, two):
            await expect(page.locator("[data-state=paused]").first).to_be_visible()
    campaign = asked(stack, f"/api/campaigns/{campaign_id}")
    assert campaign["status"] == "paused"
    assert campaign["counts"]["pending"] > 0
