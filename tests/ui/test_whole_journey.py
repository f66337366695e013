"""From the first sign-in to a finished campaign, only by clicks and typing, on the whole stack in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from cli.stack.stack import Stack
from tests.ui.chromium import open_page, running_chromium
from tests.ui.house import asked, running_installation, welcome
from tests.ui.people import PASSWORD

DEVICE = "65f0c0ffee65f0c0ffee0001"
PEOPLE = 12
FINISHED_WITHIN_MS = 90_000
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


async def test_somebody_who_never_saw_the_api_runs_a_campaign(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    async with open_page(browser, stack.addresses.api) as page:
        await welcome(page, stack)
        await connect_a_channel(page, stack)
        await make_a_campaign(page, tmp_path)
        await launch(page)
        await watch_it_to_its_end(page)
        await read_a_contacts_story(page)
        await invite_a_viewer(page, browser, stack)
    [campaign] = asked(stack, "/api/campaigns")["items"]
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
    await page.get_by_role("link", name="Settings").first.click()
    await page.get_by_role("link", name="People").first.click()
    await page.get_by_label("E-mail address").fill("vic@example.com")
    await page.get_by_label("Name", exact=True).fill("Vic")
    await page.locator("#role-viewer").check()
    await page.get_by_role("button", name="Make the invitation").click()
    link = await page.locator("#once").input_value()
    async with open_page(browser, stack.addresses.api) as other:
        await other.goto(link)
        await other.get_by_label("New password").fill(PASSWORD)
        await other.get_by_role("button", name="Begin").click()
        await other.wait_for_url("**/campaigns")
        await expect(other.get_by_role("link", name="Autumn")).to_be_visible()
        await expect(other.get_by_role("link", name="New campaign")).to_have_count(0)
        answer = await other.goto("/campaigns/new")
        assert answer is not None
        assert answer.status == 403
