"""The wizard's first step, and what holds for all of them: who is let in, whose drafts, and drafts only."""

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, update

from db.tables import Channel, Tenant, User
from domain.people import Role
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.ui.people import add_user, csrf_of, send_form, signed_in

STEPS = ("basics", "audience", "messages", "pacing", "check")
BASICS = {"name": "Autumn", "window": "36", "window_unit": "hours", "start_at": ""}


async def make(http: httpx.AsyncClient, company: Company, **fields: str) -> httpx.Response:
    """Fills in the first step."""
    filled = {**BASICS, "channel_id": str(company.channel_id), **fields}
    return await send_form(http, "/campaigns/new", "/campaigns/new", **filled)


async def kept(company: Company, answer: httpx.Response) -> dict[str, object]:
    """The draft that an answer leads to, as the API tells it."""
    assert answer.status_code == 303, answer.text
    campaign_id = answer.headers["location"].split("/")[2]
    told: dict[str, object] = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()
    return told


async def test_the_first_step_makes_a_draft_and_leads_to_its_audience(
    app: FastAPI, company: Company, owner: User
) -> None:
    async with signed_in(app, owner) as http:
        answer = await make(http, company, start_at="2030-07-01T09:30")
    campaign = await kept(company, answer)
    assert answer.headers["location"] == f"/campaigns/{campaign['id']}/setup/audience"
    assert (campaign["status"], campaign["name"], campaign["reply_window_seconds"]) == ("draft", "Autumn", 36 * 3600)
    assert datetime.fromisoformat(str(campaign["start_at"])) == datetime(2030, 7, 1, 7, 30, tzinfo=UTC)
    assert "first_name" in str(campaign["message_1"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "  "}, "Fill this in."),
        ({"channel_id": str(uuid4())}, "Choose a channel."),
        ({"channel_id": "none"}, "Choose a channel."),
        ({"window": "-1"}, "Write a number above 0."),
        ({"window": "many"}, "Write a number."),
        ({"window": "31", "window_unit": "days"}, "At most 30 days."),
        ({"start_at": "tomorrow"}, "There is no such time"),
        ({"start_at": "2030-03-31T02:30"}, "There is no such time"),  # the clocks go from 2 to 3
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_lost_or_made(
    app: FastAPI, company: Company, owner: User, wrong: dict[str, str], said: str
) -> None:
    async with signed_in(app, owner) as http:
        answer = await make(http, company, **{"name": "Kept words", **wrong})
    assert answer.status_code == 422
    assert said in answer.text
    assert "Kept words" in answer.text or "name" in wrong
    assert (await company.http.get("/api/campaigns")).json()["items"] == []


@pytest.mark.parametrize(
    ("zone", "start_at"), [("America/New_York", "9999-12-31T23:59"), ("Europe/Paris", "0001-01-01T00:00")]
)
async def test_a_begin_at_the_calendars_ends_is_no_such_time(
    app: FastAPI, company: Company, owner: User, zone: str, start_at: str
) -> None:
    async with company.database.tenant(company.tenant_id) as session:
        await session.exec(update(Tenant).where(col(Tenant.id) == company.tenant_id).values(time_zone=zone))
    basics = f"/campaigns/{(await company.campaign())['id']}/setup/basics"
    async with signed_in(app, owner) as http:
        for answer in (
            await make(http, company, start_at=start_at),
            await send_form(http, basics, basics, **{**BASICS, "start_at": start_at}),
        ):
            assert answer.status_code == 422
            assert "There is no such time" in answer.text


async def test_a_draft_is_changed(app: FastAPI, company: Company, owner: User) -> None:
    async with signed_in(app, owner) as http:
        address = (await make(http, company, start_at="2030-07-01T09:30")).headers["location"]
        basics = address.replace("audience", "basics")
        shown = (await http.get(basics)).text
        assert 'value="2030-07-01T09:30"' in shown
        assert 'value="36"' in shown
        changed = {**BASICS, "name": "Winter", "window": "2", "window_unit": "days"}
        campaign = await kept(company, await send_form(http, basics, basics, **changed))
    assert (campaign["name"], campaign["reply_window_seconds"], campaign["start_at"]) == ("Winter", 172_800, None)


async def test_without_a_channel_the_wizard_says_what_is_needed(app: FastAPI, company: Company, rival: Company) -> None:
    async with company.database.tenant(company.tenant_id) as session:
        await session.delete(await session.get_one(Channel, company.channel_id))
    owner = await add_user(company.database, company.tenant_id, Role.OWNER)
    async with signed_in(app, owner) as http:
        assert "there is none yet" in (await http.get("/campaigns/new")).text
        token = csrf_of(await http.get("/settings"))
        answer = await http.post("/campaigns/new", data={"csrf": token, **BASICS, "channel_id": str(rival.channel_id)})
        assert answer.status_code == 422


async def test_a_viewer_sees_no_wizard(app: FastAPI, company: Company, viewer: User) -> None:
    campaign_id = (await company.campaign())["id"]
    async with signed_in(app, viewer) as http:
        for path in ("/campaigns/new", *(f"/campaigns/{campaign_id}/setup/{step}" for step in STEPS)):
            assert (await http.get(path)).status_code == 403, path


@pytest.mark.parametrize("step", STEPS)
async def test_a_draft_of_another_tenant_is_not_found(app: FastAPI, rival: Company, owner: User, step: str) -> None:
    foreign = (await rival.campaign())["id"]
    async with signed_in(app, owner) as http:
        for campaign_id in (foreign, str(uuid4()), "nonsense"):
            assert (await http.get(f"/campaigns/{campaign_id}/setup/{step}")).status_code == 404


@pytest.mark.parametrize("step", STEPS)
async def test_a_campaign_that_is_started_has_a_page_and_no_wizard(
    app: FastAPI, company: Company, owner: User, step: str
) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status="running")
    async with signed_in(app, owner) as http:
        answer = await http.get(f"/campaigns/{campaign_id}/setup/{step}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/campaigns/{UUID(campaign_id)}")


@pytest.mark.parametrize("step", STEPS)
async def test_an_operator_makes_campaigns(app: FastAPI, company: Company, step: str) -> None:
    campaign_id = (await company.campaign())["id"]
    operator = await add_user(company.database, company.tenant_id, Role.OPERATOR)
    async with signed_in(app, operator) as http:
        answer = await http.get(f"/campaigns/{campaign_id}/setup/{step}")
    assert answer.status_code == 200, answer.text
    assert 'aria-current="step"' in answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", answer.text)
