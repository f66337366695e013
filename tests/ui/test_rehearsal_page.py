"""The page that rehearses a campaign: who may, what it refuses, what it shows; and in a real browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import psutil
import pytest
from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import Services
from api.ui.routes.rehearsal import ASKED, read
from db.engine import Database
from db.secrets import SecretBox
from db.tables import User
from domain.people import Role
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, phone
from tests.api.server import MakeApp, serving
from tests.ui.chromium import open_page, running_chromium
from tests.ui.people import PASSWORD, add_user, enter, signed_in
from tests.waiting import until

TWO = [{"name": "A", "weight": 9, "text": "Hi"}, {"name": "B", "weight": 1, "text": "Hi {{ x }}"}]
EVENT = re.compile(r"event: (\w+)\n((?:data: .*\n)*)\n")


async def campaign_of(company: Company, contacts: int, **fields: object) -> str:
    made = await company.campaign(**fields)
    if contacts:
        await company.contacts(made["id"], *({"phone": phone(number)} for number in range(contacts)))
    return str(made["id"])


def events_of(answer: httpx.Response) -> dict[str, str]:
    """The last of each kind of event."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return {name: data.replace("data: ", "") for name, data in EVENT.findall(answer.text)}


async def test_the_form_runs_nothing_until_it_is_asked(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await campaign_of(company, 2)
    async with signed_in(app, owner) as http:
        plain = await http.get(f"/campaigns/{campaign}/rehearsal")
        asked = await http.get(f"/campaigns/{campaign}/rehearsal?run=1&reply_share=50&seed=4")
    assert plain.status_code == asked.status_code == 200
    assert "sse-connect" not in plain.text
    assert f'sse-connect="/campaigns/{campaign}/rehearsal/events?' in asked.text
    assert 'value="50"' in asked.text


async def test_the_stream_tells_the_calendar_and_the_limits(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await campaign_of(company, 12, pacing={"delay_seconds": 60})
    async with signed_in(app, owner) as http:
        answer = await http.get(f"/campaigns/{campaign}/rehearsal/events?reply_share=100&reply_after=5", timeout=60)
    told = events_of(answer)
    assert "end" in told
    assert "<svg" in told["result"]
    delay = re.search(
        r"Delay between messages</th><td class=\"count\">(\d+) minutes(?: (\d+) seconds?)?<", told["result"]
    )
    assert delay is not None
    waited = int(delay[1]) * 60 + int(delay[2] or 0)
    assert abs(waited - 11 * 60) <= 0.05 * 11 * 60, "as exact as a rehearsal promises to be (SPEC CAM-15)"
    assert not re.search(r"<script|\sstyle=|\son[a-z]+=", told["result"])


async def test_the_stream_tells_the_campaigns_window(app: FastAPI, company: Company, owner: User) -> None:
    opens = datetime.now(ZoneInfo("Europe/Paris")) + timedelta(hours=6)
    hours = {"start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}", "zone": "tenant"}
    campaign = await campaign_of(company, 2, send_window=hours)
    async with signed_in(app, owner) as http:
        told = events_of(await http.get(f"/campaigns/{campaign}/rehearsal/events", timeout=60))
    assert "Send window of the campaign" in told["result"]


@pytest.mark.parametrize("texts", [{"message_2": "Thanks, {{ x }}"}, {"variants": TWO}])
async def test_whoever_lacks_what_a_variant_or_message_2_needs_is_not_shown_as_sent(
    app: FastAPI, company: Company, owner: User, texts: dict[str, object]
) -> None:
    campaign = await campaign_of(company, 3)
    await company.contacts(campaign, {"phone": phone(10), "x": "1"})
    assert (await company.http.patch(f"/api/campaigns/{campaign}", json=texts)).status_code == 200
    async with signed_in(app, owner) as http:
        told = events_of(await http.get(f"/campaigns/{campaign}/rehearsal/events?reply_share=0", timeout=60))
    assert "<li>3: lack a value that one of the texts needs (x)</li>" in told["result"]
    assert "<dt>Message 1</dt><dd>1</dd>" in told["result"]


async def test_it_is_told_in_french(app: FastAPI, company: Company) -> None:
    person = await add_user(company.database, company.tenant_id, Role.OWNER, language="fr")
    campaign = await campaign_of(company, 2)
    async with signed_in(app, person) as http:
        page = await http.get(f"/campaigns/{campaign}/rehearsal")
        told = events_of(await http.get(f"/campaigns/{campaign}/rehearsal/events", timeout=60))
    assert "Répétition de Autumn" in page.text
    assert "Calendrier des envois" in told["result"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("reply_share", "101"),
        ("reply_share", "-1"),
        ("reply_share", "nan"),
        ("reply_share", "many"),
        ("reply_after", "0"),
        ("reply_after", "inf"),
        ("reply_after", "43201"),
        ("failure_share", ""),
        ("seed", "1.5"),
        ("seed", "-1"),
        ("seed", "9999999999"),
    ],
)
async def test_what_cannot_be_assumed_is_refused_at_its_field(
    app: FastAPI, company: Company, owner: User, field: str, text: str
) -> None:
    campaign = await campaign_of(company, 1)
    asked = {"run": "1", field: text}
    async with signed_in(app, owner) as http:
        page = await http.get(f"/campaigns/{campaign}/rehearsal", params=asked)
        stream = await http.get(f"/campaigns/{campaign}/rehearsal/events", params=asked)
    assert (page.status_code, stream.status_code) == (422, 422)
    assert f'aria-describedby="{field}-about"' in page.text
    assert "sse-connect" not in page.text


def test_numbers_may_have_a_comma() -> None:
    assumed, errors = read(ASKED | {"reply_share": "12,5", "reply_after": "1,5"})
    assert errors == {}
    assert assumed.reply_share == 0.125
    assert assumed.reply_after_seconds == pytest.approx(90)


async def test_who_only_looks_may_not_rehearse(app: FastAPI, company: Company, viewer: User) -> None:
    campaign = await campaign_of(company, 1)
    async with signed_in(app, viewer) as http:
        page = await http.get(f"/campaigns/{campaign}/rehearsal?run=1")
        stream = await http.get(f"/campaigns/{campaign}/rehearsal/events")
    assert (page.status_code, stream.status_code) == (200, 403)
    assert "sse-connect" not in page.text
    assert "Your role may look on" in page.text


async def test_another_tenants_campaign_is_not_there(
    app: FastAPI, company: Company, rival: Company, owner: User
) -> None:
    campaign = await campaign_of(rival, 1)
    async with signed_in(app, owner) as http:
        for path in ("rehearsal", "rehearsal/events"):
            assert (await http.get(f"/campaigns/{campaign}/{path}")).status_code == 404


async def test_an_empty_campaign_has_nothing_to_rehearse(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await campaign_of(company, 0)
    async with signed_in(app, owner) as http:
        page = await http.get(f"/campaigns/{campaign}/rehearsal?run=1")
        told = events_of(await http.get(f"/campaigns/{campaign}/rehearsal/events", timeout=60))
    assert "there is nothing to rehearse" in page.text
    assert "The rehearsal failed" in told["result"]


async def test_why_there_is_no_result_and_why_a_campaign_stops_itself_are_read_in_french(
    app: FastAPI, company: Company
) -> None:
    reader = await add_user(company.database, company.tenant_id, Role.OWNER, language="fr")
    empty, refused = await campaign_of(company, 0), await campaign_of(company, 30, pacing={"delay_seconds": 1})
    async with signed_in(app, reader) as http:
        failed = events_of(await http.get(f"/campaigns/{empty}/rehearsal/events", timeout=60))["result"]
        stopped = await http.get(f"/campaigns/{refused}/rehearsal/events?failure_share=100", timeout=60)
    assert "La répétition a échoué. Aucun contact de cette campagne n’attend le Message 1" in failed
    assert "ont rencontré une erreur (100 %), au-delà de la limite de 20 %" in events_of(stopped)["result"]


async def test_one_at_a_time_and_the_next_takes_its_turn(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await campaign_of(company, 3)
    services: Services = app.state.services
    async with signed_in(app, owner) as http:
        path = f"/campaigns/{campaign}/rehearsal/events"
        both = await asyncio.gather(http.get(path, timeout=90), http.get(path, timeout=90))
    for answer in both:
        assert "Calendar of sends" in events_of(answer)["result"]
    assert not services.rehearsal_slots.locked()


async def test_rehearsing_changes_nothing(app: FastAPI, company: Company, owner: User) -> None:
    campaign = await campaign_of(company, 3)
    before = (await company.http.get(f"/api/campaigns/{campaign}")).json()
    async with signed_in(app, owner) as http:
        events_of(await http.get(f"/campaigns/{campaign}/rehearsal/events", timeout=60))
    assert (await company.http.get(f"/api/campaigns/{campaign}")).json() == before


async def test_whoever_leaves_the_page_stops_the_rehearsal(
    company: Company, owner: User, secrets: SecretBox, database_url: str
) -> None:
    campaign = await campaign_of(company, 300, pacing={"delay_seconds": 60})
    with serving(made_of(database_url, secrets)) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            assert (await enter(http, owner)).status_code == 303
            async with http.stream("GET", f"/campaigns/{campaign}/rehearsal/events") as stream:
                lines = stream.aiter_lines()  # held: an iterator that nobody holds hangs up by itself
                await anext(lines)
                assert rehearsals()

            async def stopped() -> bool:
                return rehearsals() == []

            await until(stopped, "the rehearsal's processes are gone")


def rehearsals() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if _is_rehearsal(process)]


def _is_rehearsal(process: psutil.Process) -> bool:
    """Whether it runs as one; what has ended and was not waited for yet has no command line."""
    try:
        return "rehearsal" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def made_of(database_url: str, secrets: SecretBox) -> MakeApp:
    """The application on a connection of its own, for a server in another thread."""

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        database = Database.connect(database_url, pool_size=3)
        yield create_app(database, RecordingWorkflows(), secrets, public_url=BASE_URL)
        await database.close()

    return make_app


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
async def test_in_a_browser_it_runs_to_its_calendar(
    company: Company, owner: User, secrets: SecretBox, database_url: str, width: int, dark: bool
) -> None:
    campaign = await campaign_of(company, 20, pacing={"delay_seconds": 120})
    with serving(made_of(database_url, secrets)) as url:
        async with running_chromium() as chromium, open_page(chromium, url, width=width, dark=dark) as page:
            await page.goto("/sign-in")
            await page.fill("[name=email]", owner.email or "")
            await page.fill("[name=password]", PASSWORD)
            await page.click("main button.btn-primary")
            await page.wait_for_url("**/campaigns")
            await page.goto(f"/campaigns/{campaign}/rehearsal")
            await page.get_by_role("button", name="Rehearse").click()
            await page.get_by_role("heading", name="Calendar of sends").wait_for(timeout=60_000)
            assert await page.locator(".calendar rect.message-1").count() > 3
            assert await page.locator("progress").count() == 0
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0
            found = await Axe().run(page, context="#content")
            assert found.violations_count == 0, found.generate_report()
