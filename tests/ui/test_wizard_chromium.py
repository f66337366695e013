"""The wizard in a real browser: a file dropped, a column mapped, a pace typed, a campaign launched."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Dialog, FilePayload, Page, Route, expect

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from db.tables import User
from domain.campaigns import CampaignRef
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, phone
from tests.api.server import serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.layout import moves, moves_are_seen, places, watch_moves
from tests.ui.served import sign_in
from tests.waiting import until

FILE = "Mobile;First name;Notes\n06 12 34 56 78;Ana;secret\n06 12 34 56 79;;x\n12;Bo;y\n06 12 34 56 78;Again;z\n"
DROP = """(text) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], "people.csv", { type: "text/csv" }));
  return carried;
}"""
STEPS = ("basics", "audience", "messages", "pacing", "check")


@pytest.fixture
def site(database_url: str, secrets: SecretBox, workflows: RecordingWorkflows) -> Iterator[str]:
    """The application behind a real server, over connections of its own: that server has its own event loop."""

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        own = Database.connect(database_url)
        yield create_app(own, workflows, secrets, public_url=BASE_URL)
        await own.close()

    with serving(make_app) as address:
        yield address


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser."""
    async with running_chromium() as browser:
        yield browser


async def drop(page: Page, text: str) -> None:
    """Drops a file onto its place."""
    carried = await page.evaluate_handle(DROP, text)
    await page.dispatch_event(".wizard-drop", "drop", {"dataTransfer": carried})


async def test_a_campaign_is_made_from_a_dropped_file_and_launched(
    site: str, chromium: Browser, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.goto("/campaigns/new")
        await page.fill("#name", "Autumn")
        await page.click("text=Make the draft")
        await page.wait_for_url("**/setup/audience")
        campaign_id = page.url.split("/")[4]
        await take_audience(page)
        await try_variants(page)
        await write_messages(page)
        await set_pace(page)
        await send_test(page)
        await launch(page)
    [(delivery_id, _)] = workflows.asked("send_single")
    assert delivery_id
    [started] = workflows.asked("start_campaign")
    assert isinstance(started, CampaignRef)
    assert str(started.campaign_id) == campaign_id
    told = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()
    assert (told["status"], told["counts"]["total"], told["pacing"]["delay_seconds"]) == ("running", 2, 30)
    assert told["message_1"] == "Dear {{ first_name | default('friend') }}, hello"
    assert (told["variants"], told["send_window"]) == ([], None)


async def test_a_file_that_is_chosen_before_the_script_is_there_is_looked_at_all_the_same(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    draft = await company.campaign()
    asked_for, may_come = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked_for.set()
        await may_come.wait()
        await route.continue_()

    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.route("**/wizard-audience.js", late)
        await page.goto(f"/campaigns/{draft['id']}/setup/audience", wait_until="commit")
        await asked_for.wait()
        chosen: list[FilePayload] = [{"name": "people.csv", "mimeType": "text/csv", "buffer": FILE.encode()}]
        await page.set_input_files("#file", chosen)
        await expect(page.locator("#send")).to_be_disabled()
        may_come.set()
        await expect(page.locator("#preview-rows tbody tr")).to_have_count(4)
        await expect(page.locator("#send")).to_be_enabled()


async def test_of_two_columns_that_are_called_the_same_a_person_leaves_one_out(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.goto(f"/campaigns/{campaign_id}/setup/audience")
        await drop(page, f"phone,Town,Town\n{phone(1)},Lyon,Paris\n")
        await expect(page.locator("#look [role=alert]")).to_contain_text(
            "Town (1), Town (2) would be the same variable"
        )
        await page.select_option('[data-column="Town (1)"]', "")
        await expect(page.locator("#preview-rows tbody tr")).to_contain_text("town: Paris")
        await page.click("#send")
        await expect(page.locator("#added")).to_have_text("1")
    [contact] = (await company.http.get(f"/api/campaigns/{campaign_id}/contacts")).json()["items"]
    assert contact["variables"] == {"town": "Paris"}


async def take_audience(page: Page) -> None:
    """Drops the file, maps its columns, looks at the phones, and sends it."""
    await expect(page.locator("#send")).to_be_disabled()
    await drop(page, FILE)
    await expect(page.locator('[data-column="Mobile"]')).to_have_value("phone")
    rows = page.locator("#preview-rows tbody tr")
    await expect(rows).to_have_count(4)
    await expect(rows.nth(0)).to_contain_text("+33612345678")
    await expect(rows.nth(0)).to_contain_text("notes: secret")
    await expect(rows.nth(2)).to_contain_text("The number is too short")
    await page.select_option('[data-column="Notes"]', "")
    await expect(rows.nth(0)).not_to_contain_text("secret")
    await expect(rows.nth(0)).to_contain_text("first_name: Ana")
    await page.click("#send")
    for which, count in (("added", "2"), ("duplicates", "1"), ("invalid", "1")):
        await expect(page.locator(f"#{which}")).to_have_text(count)
    async with page.expect_download() as download:
        await page.click("text=Download all of them")
    text = await asyncio.to_thread((await (await download.value).path()).read_text)
    assert "4,Mobile,The number is too short" in text
    await page.click("#taken >> text=On to the messages")


async def try_variants(page: Page) -> None:
    """Makes Message 1 a test, writes a second text with a variable, and goes back to the one text."""
    await expect(page.locator("#variant_text_0")).to_be_hidden()
    await page.check("#variants_on")
    await expect(page.locator("#message_1")).to_be_hidden()
    await page.fill("#variant_text_0", "Hey")
    await page.fill("#variant_text_1", "Good day ")
    await page.click('.wizard-variants [data-insert*="first_name"]')
    await expect(page.locator("#variant_text_1")).to_have_value("Good day {{ first_name }}")
    await expect(page.locator('[data-message="variants.0.text"]')).to_have_text("Hey")
    await expect(page.locator('[data-message="variants.1.text"]')).to_have_text("Good day Ana")
    await page.uncheck("#variants_on")
    await expect(page.locator('[data-message="message_1"]')).to_be_visible()
    await expect(page.locator("#variant_text_1")).to_be_hidden()


async def write_messages(page: Page) -> None:
    """Puts a variable in by a click, and sees both contacts' messages change."""
    await page.fill("#message_1", "Dear , hello")
    await page.evaluate("document.getElementById('message_1').setSelectionRange(5, 5)")
    await page.click('[data-into="message_1"][data-insert*="first_name"]')
    await expect(page.locator("#message_1")).to_have_value("Dear {{ first_name }}, hello")
    first = page.locator('.wizard-bubble[data-message="message_1"]')
    await expect(first).to_have_text("Dear Ana, hello")
    await expect(page.locator('[data-lacking="first_name"]')).to_contain_text("1 contact has no value")
    await page.click("#contact-after")
    await expect(first).to_contain_text("This contact has no value for first_name")
    await expect(page.locator("#contact-after")).to_be_focused()
    await page.fill("#message_1", "Dear {{ first_name | default('friend') }}, hello")
    await expect(first).to_have_text("Dear friend, hello")
    await expect(page.locator("[data-lacking]")).to_have_count(0)
    await page.fill("#message_2", "Thanks {{ broken")
    await expect(page.locator('.wizard-bubble[data-message="message_2"]')).to_contain_text("Line 1:")
    await page.fill("#message_2", "Thanks")
    await page.click("text=Save and go on")
    await page.wait_for_url("**/setup/pacing")


async def kept_message_2(company: Company, campaign_id: str, text: str) -> None:
    """Waits until the draft's Message 2 is that."""

    async def is_kept() -> bool:
        return bool((await company.http.get(f"/api/campaigns/{campaign_id}")).json()["message_2"] == text)

    await until(is_kept, f"{text} is kept")


async def test_whoever_writes_on_is_never_taken_for_somebody_else(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    may_answer = asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await may_answer.wait()
        await route.fulfill(response=answer)

    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.goto(f"/campaigns/{campaign_id}/setup/messages")
        for text in ("One", "Two", "Three"):
            await page.fill("#message_2", text)
            await expect(page.locator('[data-message="message_2"]')).to_have_text(text)
            await kept_message_2(company, campaign_id, text)
        await expect(page.locator("[data-torn]")).to_have_count(0)
        await expect(page.locator('#messages input[name="sent"]')).to_have_count(0)
        await page.route("**/messages/typed", late)
        await page.fill("#message_2", "Four")
        await kept_message_2(company, campaign_id, "Four")
        await page.fill("#message_2", "Five")
        await page.click("#messages .btn-primary")
        await page.wait_for_url("**/setup/pacing")
        may_answer.set()
        await page.unroute_all(behavior="ignoreErrors")
    await kept_message_2(company, campaign_id, "Five")


async def test_an_older_tab_shows_the_newer_text_and_keeps_its_own_until_somebody_decides(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.goto(f"/campaigns/{campaign_id}/setup/messages")
        await company.http.patch(f"/api/campaigns/{campaign_id}", json={"message_1": "Hers", "message_2": "Hers too"})
        await page.fill("#message_2", "His")
        await expect(page.locator('[data-torn="message_2"] .wizard-theirs')).to_have_text("Hers too")
        await expect(page.locator("[data-torn]")).to_have_count(1)
        await page.click("#messages .btn-primary")
        await expect(page.locator("#messages [role=alert]")).to_contain_text("Nothing was kept yet")
        await expect(page.locator("#message_2")).to_have_value("His")
        await kept_message_2(company, campaign_id, "Hers too")
        await page.click("#messages .btn-primary")
        await page.wait_for_url("**/setup/pacing")
    told = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()
    assert (told["message_1"], told["message_2"]) == ("Hers", "His")


async def set_pace(page: Page) -> None:
    """Types numbers, good and bad, and sees the time follow."""
    await expect(page.locator("#takes")).to_have_text("2 seconds")
    before = await page.locator("#finishes").inner_text()
    await page.fill("#delay_seconds", "3600")
    await expect(page.locator("#takes")).to_have_text("2 hours")
    await expect(page.locator("#finishes")).not_to_have_text(before)
    await page.fill("#max_delay_seconds", "10")
    await expect(page.locator("#max_delay_seconds-error")).to_contain_text("must not be below the delay")
    await expect(page.locator("#takes")).to_have_text("–")
    await page.fill("#max_delay_seconds", "")
    await page.fill("#min_delay_seconds", "")
    await page.fill("#delay_seconds", "30")
    await expect(page.locator("#takes")).to_have_text("1 minute")
    await page.check("#window")
    for day in range(5):
        await page.uncheck(f"#window_day_{day}")
    await expect(page.locator("#takes")).to_have_text("–")
    await page.uncheck("#window")
    await expect(page.locator("#takes")).to_have_text("1 minute")
    await page.click("text=Save and go on")
    await page.wait_for_url("**/setup/check")


async def send_test(page: Page) -> None:
    """A test to oneself."""
    await page.fill("#phone", "06 00 00 00 01")
    await page.fill('[name="value.first_name"]', "Zoë")
    await page.click("text=Send the test")
    await expect(page.locator("#test-outcome")).to_contain_text("The test waits for its turn.")
    await expect(page.locator("#test-outcome")).to_contain_text("Dear Zoë, hello")


async def launch(page: Page) -> None:
    """Refuses the question once, and then accepts it."""
    asked: list[str] = []

    async def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await (dialog.dismiss() if len(asked) == 1 else dialog.accept())

    page.on("dialog", answer)
    await page.click("#launch")
    await expect(page.locator("#launch")).to_be_enabled()
    assert page.url.endswith("/setup/check")
    await page.click("#launch")
    await page.wait_for_url(re.compile(r"/campaigns/[0-9a-f-]{36}\?done=running$"))
    assert len(asked) == 2
    assert "Contacts written to: 2." in asked[0]


@pytest.mark.parametrize(("width", "height"), [(1280, 2400), (360, 4000)])
async def test_the_estimate_has_its_place_whatever_it_says(
    site: str, chromium: Browser, company: Company, owner: User, width: int, height: int
) -> None:
    campaign_id = (await company.campaign(pacing={"delay_seconds": 1}))["id"]
    await company.contacts(campaign_id, {"phone": phone(1)}, {"phone": phone(2)})
    landmarks = ("#delay_seconds", "#batch_size", "#takes", "#finishes", ".foot")
    async with open_page(chromium, site, width=width, height=height) as page:
        await sign_in(page, owner)
        await page.goto(f"/campaigns/{campaign_id}/setup/pacing")
        await expect(page.locator("#takes")).to_have_text("2 seconds")
        before = await places(page, landmarks)
        await watch_moves(page)
        for delay, takes in (("1799.5", "59 minutes 59 seconds"), ("4e9", "–"), ("2", "4 seconds")):
            await page.fill("#delay_seconds", delay)
            await expect(page.locator("#takes")).to_have_text(takes)
            assert await places(page, landmarks) == before
        assert await moves(page) == []
        assert await moves_are_seen(page)


async def test_a_wrong_file_is_told_and_the_right_one_still_goes(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.goto(f"/campaigns/{campaign_id}/setup/audience")
        for text, said in (("", "The file is empty."), ("town\nLyon\n", "No column holds the phone numbers")):
            await drop(page, text)
            await expect(page.locator("#look [role=alert]")).to_contain_text(said)
            await expect(page.locator("#send")).to_be_disabled()
        content = "phone,Prénom\n+33612345678,Zoë\n".encode("cp1252")
        await page.set_input_files("#file", {"name": "people.csv", "mimeType": "text/csv", "buffer": content})
        await expect(page.locator("#look [role=alert]")).to_contain_text("Choose another one")
        await page.select_option("#encoding", "cp1252")
        await expect(page.locator("#preview-rows")).to_contain_text("prenom: Zoë")
        await page.click("#send")
        await expect(page.locator("#added")).to_have_text("1")


async def test_nothing_is_lost_when_the_server_goes_away_in_the_middle(
    site: str, chromium: Browser, company: Company, owner: User
) -> None:
    campaign_id = (await company.campaign())["id"]
    async with open_page(chromium, site) as page:
        await sign_in(page, owner)
        await page.goto(f"/campaigns/{campaign_id}/setup/audience")
        await drop(page, FILE)
        await expect(page.locator("#send")).to_be_enabled()
        await page.route("**/audience/contacts", lambda route: route.abort())
        await page.click("#send")
        await expect(page.locator("#taken")).to_contain_text("The connection broke")
        await page.unroute("**/audience/contacts")
        await page.click("#send")
        await expect(page.locator("#added")).to_have_text("2")


@pytest.mark.parametrize("dark", [False, True])
async def test_every_step_fits_a_phone_and_can_be_read(
    site: str, chromium: Browser, company: Company, owner: User, *, dark: bool
) -> None:
    campaign_id = (await company.campaign(message_1="Hi {{ a_rather_long_name_of_a_variable }}"))["id"]
    await company.contacts(campaign_id, {"phone": phone(1), "a_rather_long_name_of_a_variable": "x" * 90})
    async with open_page(chromium, site, width=360, height=740, dark=dark, language="fr") as page:
        await sign_in(page, owner)
        for path in ("/campaigns/new", *(f"/campaigns/{campaign_id}/setup/{step}" for step in STEPS)):
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360, path
            unlabelled = "[...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]"
            unlabelled += ".filter((one) => !one.labels.length && !one.ariaLabel).map((one) => one.outerHTML)"
            assert await page.evaluate(unlabelled) == []
