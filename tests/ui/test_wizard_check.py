"""The last step: what stands in the way, a test to oneself, and the launch."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, update

from api.ui.visits import CSRF_HEADER
from db.tables import Delivery, Suppression, User
from domain.campaigns import CampaignRef
from domain.people import Role
from tests.api.campaign_rows import change_row
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, phone
from tests.api.rows import add_contact, add_delivery, keep, set_channel
from tests.api.test_variants_api import with_test
from tests.ui.people import add_user, csrf_of, fields_of, send_form, signed_in

MESSAGE = "Hi {{ first_name }}"


async def ready(company: Company, *, lacking: int = 0) -> str:
    """A draft with three contacts, and some more who lack a value."""
    campaign = await company.campaign(message_1=MESSAGE)
    people = [{"phone": phone(number), "first_name": "Ana"} for number in range(3)]
    people += [{"phone": phone(100 + number)} for number in range(lacking)]
    await company.contacts(campaign["id"], *people)
    campaign_id: str = campaign["id"]
    return campaign_id


def check_at(campaign_id: str) -> str:
    """Where the check is."""
    return f"/campaigns/{campaign_id}/setup/check"


async def status_of(company: Company, campaign_id: str) -> str:
    """The campaign's state."""
    return str((await company.http.get(f"/api/campaigns/{campaign_id}")).json()["status"])


async def press_launch(http: httpx.AsyncClient, campaign_id: str) -> httpx.Response:
    """Sends the form with the button."""
    return await send_form(http, "/settings", f"/campaigns/{campaign_id}/setup/launch", confirmed="yes")


async def ask_test(http: httpx.AsyncClient, campaign_id: str, **fields: str) -> httpx.Response:
    """Sends the form of the test."""
    headers = {CSRF_HEADER: csrf_of(await http.get("/settings")), "HX-Request": "true"}
    filled = {"phone": "06 12 34 56 78", "message": "1", "value.first_name": "Zoë", **fields}
    return await http.post(f"{check_at(campaign_id)}/test", data=filled, headers=headers)


async def test_the_launch_names_contacts_and_finish_and_starts_the_campaign(
    app: FastAPI, company: Company, workflows: RecordingWorkflows
) -> None:
    campaign_id = await ready(company)
    await keep(company, Suppression(tenant_id=company.tenant_id, phone=phone(1), source="test"))
    operator = await add_user(company.database, company.tenant_id, Role.OPERATOR)
    async with signed_in(app, operator) as http:
        page = (await http.get(check_at(campaign_id))).text
        [question] = re.findall(r'data-confirm="([^"]*)"', page)
        assert re.match(r"Launch now\? Contacts written to: 2\. The last message is out by .*\d", unescape(question))
        assert "Nothing stands in the way" in page
        answer = await press_launch(http, campaign_id)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/campaigns/{campaign_id}?done=running")
        assert "The campaign is started." in (await http.get(answer.headers["location"])).text
    assert workflows.asked("start_campaign") == [
        CampaignRef(tenant_id=company.tenant_id, campaign_id=UUID(campaign_id))
    ]
    assert await status_of(company, campaign_id) == "running"


async def test_nothing_is_launched_before_somebody_was_asked(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id, lacking = await ready(company), await ready(company, lacking=1)
    to = f"/campaigns/{campaign_id}/setup/launch"
    async with signed_in(app, owner) as http:
        form = fields_of(await http.get(check_at(campaign_id)), f'action="{to}"')
        asked = await http.post(to, data=form)  # as a browser without script sends it
        assert (asked.status_code, "Launch now? Contacts written to: 3." in asked.text) == (200, True)
        assert (await status_of(company, campaign_id), workflows.calls) == ("draft", [])
        refused = await http.post(f"/campaigns/{lacking}/setup/launch", data=form)
        assert (refused.status_code, "Stands in the way:" in refused.text) == (422, True)
        answer = await http.post(to, data=fields_of(asked, f'action="{to}"'))
        assert answer.headers["location"] == f"/campaigns/{campaign_id}?done=running"
        late = await http.post(to, data=form)
        assert late.headers["location"] == f"/campaigns/{campaign_id}"
    assert await status_of(company, campaign_id) == "running"


async def test_a_test_is_sent_without_script_too_and_no_number_comes_into_an_address(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await ready(company)
    async with signed_in(app, owner) as http:
        page = await http.get(check_at(campaign_id))
        [tag] = re.findall(r'<form[^>]* id="test"[^>]*>', page.text)
        assert 'method="post"' in tag
        [to] = re.findall(r' action="([^"]*)"', tag)
        form = {**fields_of(page, 'id="test"'), "message": "2"}
        assert form["value.first_name"] == "Ana"
        wrong = await http.post(to, data=form | {"phone": "12", "value.first_name": "Zoë"})
        assert (wrong.status_code, "too short" in wrong.text) == (422, True)
        assert "<h1>" in wrong.text
        for kept in ('value="12"', '<option value="2" selected>', 'value="Zoë"'):
            assert kept in wrong.text
        assert workflows.calls == []
        sent = await http.post(to, data=form | {"phone": "06 12 34 56 78", "message": "1"})
        assert sent.status_code == 303
        assert "12345678" not in sent.headers["location"]
        told = await http.get(sent.headers["location"])
        assert "The test waits for its turn." in told.text
        assert "Hi Ana" in told.text
        assert (await http.get(f"{check_at(campaign_id)}?test={uuid4()}")).status_code == 404
    assert len(workflows.asked("send_single")) == 1


async def test_a_launch_ahead_is_a_schedule(app: FastAPI, company: Company, owner: User) -> None:
    campaign_id = await ready(company)
    await change_row(company, campaign_id, start_at=datetime.now(UTC) + timedelta(days=3))
    async with signed_in(app, owner) as http:
        assert 'data-confirm="Schedule the campaign?' in (await http.get(check_at(campaign_id))).text
        told = (await http.get((await press_launch(http, campaign_id)).headers["location"])).text
    assert "The campaign is scheduled; it begins by itself." in told
    assert "The campaign is started." not in told
    assert await status_of(company, campaign_id) == "scheduled"


async def test_what_stands_in_the_way_is_shown_and_nothing_starts(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    empty, lacking = (await company.campaign())["id"], await ready(company, lacking=12)
    async with signed_in(app, owner) as http:
        for campaign_id, said in ((empty, "has no contacts"), (lacking, "12 contacts lack a value.")):
            for answer in (await http.get(check_at(campaign_id)), await press_launch(http, campaign_id)):
                assert said in answer.text
                assert re.search(r'id="launch" disabled', answer.text)
            assert answer.status_code == 422
            assert await status_of(company, campaign_id) == "draft"
        shown = (await http.get(check_at(lacking))).text
    assert phone(100) in shown
    assert phone(109) in shown
    assert phone(110) not in shown
    assert workflows.calls == []


async def test_warnings_do_not_stand_in_the_way(app: FastAPI, company: Company, owner: User) -> None:
    campaign_id = await ready(company)
    await set_channel(company, status="paused")
    async with signed_in(app, owner) as http:
        page = (await http.get(check_at(campaign_id))).text
        assert "The channel is not active" in page
        assert (await press_launch(http, campaign_id)).status_code == 303


async def endless(company: Company) -> str:
    """A draft whose window of one minute a week lets it end after the calendar."""
    hours = {"start": "09:00", "end": "09:01", "days": [0], "zone": "tenant"}
    slow = {"delay_seconds": 86_400, "batch_size": 1, "batch_pause_seconds": 86_400}
    campaign = await company.campaign(pacing=slow, send_window=hours)
    await company.contacts(campaign["id"], *({"phone": phone(number)} for number in range(300)))
    campaign_id: str = campaign["id"]
    return campaign_id


async def test_a_campaign_that_ends_after_the_calendar_is_told_to_take_long(
    app: FastAPI, company: Company, owner: User
) -> None:
    campaign_id = await endless(company)
    told = (await company.http.get(f"/api/campaigns/{campaign_id}/launch-check")).json()
    assert (told["finishes_at"], told["closes_at"]) == (None, None)
    async with signed_in(app, owner) as http:
        check = (await http.get(check_at(campaign_id))).text
        assert "Contacts written to: 300. It takes more than ten years." in check
        assert check.count("in more than ten years") == 2
        await change_row(company, campaign_id, start_at=datetime.now(UTC) + timedelta(days=3))
        assert "and takes more than ten years." in (await http.get(check_at(campaign_id))).text
        await change_row(company, campaign_id, start_at=None)
        assert (await press_launch(http, campaign_id)).status_code == 303
        shown = await http.get(f"/campaigns/{campaign_id}")
    assert shown.status_code == 200
    assert "in more than ten years" in shown.text


async def test_with_the_engine_away_the_draft_stays(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await ready(company)
    workflows.away = True
    async with signed_in(app, owner) as http:
        assert (await press_launch(http, campaign_id)).status_code == 503
    assert await status_of(company, campaign_id) == "draft"


async def test_nobody_launches_twice_or_what_is_not_theirs(
    app: FastAPI, company: Company, rival: Company, owner: User, viewer: User, workflows: RecordingWorkflows
) -> None:
    own, foreign = await ready(company), await ready(rival)
    async with signed_in(app, owner) as http, signed_in(app, viewer) as looker:
        assert (await press_launch(looker, own)).status_code == 403
        assert (await press_launch(http, foreign)).status_code == 404
        assert workflows.calls == []
        assert (await press_launch(http, own)).status_code == 303
        again = await press_launch(http, own)
        assert again.headers["location"] == f"/campaigns/{own}?done=already"
        await change_row(company, own, status="cancelled")
        refused = await press_launch(http, own)
        assert (refused.status_code, "This is not possible now" in refused.text) == (409, True)
    assert len(workflows.calls) == 1


async def test_a_test_goes_to_oneself_and_its_outcome_is_told(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await ready(company)
    async with signed_in(app, owner) as http:
        assert 'name="value.first_name" value="Ana"' in (await http.get(check_at(campaign_id))).text
        answer = await ask_test(http, campaign_id)
        assert "The test waits for its turn." in answer.text
        assert "Hi Zoë" in answer.text
        assert "+33612345678" in answer.text
        [again] = re.findall(r'hx-get="([^"]*)"', answer.text)
        [(delivery_id, _)] = workflows.asked("send_single")
        async with company.database.tenant(company.tenant_id) as session:
            await session.exec(update(Delivery).where(col(Delivery.id) == delivery_id).values(status="sent"))
        told = (await http.get(again)).text
    assert "The test is sent." in told
    assert "hx-get" not in told
    assert await status_of(company, campaign_id) == "draft"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"phone": ""}, "Fill this in."),
        ({"phone": "12"}, "too short"),
        ({"value.first_name": ""}, "first_name: This variable has no fallback; give it a value."),
        ({"message": "3"}, "at most 2"),
    ],
)
async def test_a_test_that_cannot_be_sent_says_why(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows, fields: dict[str, str], said: str
) -> None:
    campaign_id = await ready(company)
    async with signed_in(app, owner) as http:
        answer = await ask_test(http, campaign_id, **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert workflows.calls == []


async def test_each_variant_can_be_tested_and_says_who_lacks_what_it_needs(
    app: FastAPI, company: Company, owner: User
) -> None:
    variants = [
        {"name": "Short", "weight": 50, "text": "Hi {{ first_name }}"},
        {"name": "Local", "weight": 50, "text": "Good morning from {{ town }}"},
    ]
    campaign_id = await with_test(company, variants=variants)
    await company.contacts(campaign_id, {"phone": phone(1), "first_name": "Ana"})
    async with signed_in(app, owner) as http:
        shown = (await http.get(check_at(campaign_id))).text
        told = await ask_test(http, campaign_id, **{"message": "1.Local", "value.town": "Brest"})
        wrong = await ask_test(http, campaign_id, message="1.Nobody")
    assert "Message 1, variant Short" in shown
    assert "Variant Local needs town: 1 contact lacks a value." in shown
    assert "Variant Short needs" not in shown
    assert 'name="value.town"' in shown
    assert "Good morning from Brest" in told.text
    assert (wrong.status_code, "has no variant of this name" in wrong.text) == (422, True)


async def test_tests_are_for_those_who_may_send_and_only_tests_are_shown(
    app: FastAPI, company: Company, rival: Company, owner: User, viewer: User
) -> None:
    own, foreign = await ready(company), await ready(rival)
    theirs = await add_delivery(rival, await add_contact(rival), kind="test")
    ours = await add_delivery(company, await add_contact(company), kind="message_1")
    async with signed_in(app, owner) as http, signed_in(app, viewer) as looker:
        assert (await ask_test(looker, own)).status_code == 403
        assert (await ask_test(http, foreign)).status_code == 404
        for delivery_id in (theirs.id, ours.id, uuid4()):
            assert (await http.get(f"{check_at(own)}/test/{delivery_id}")).status_code == 404
