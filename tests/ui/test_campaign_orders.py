"""What operators order on the pages: asked with a number, done once, and told apart when somebody was faster."""

import asyncio
import re
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.routes import campaign_commands, campaigns
from db.tables import User
from domain.campaigns import Command, CommandResult
from domain.pacing import Pacing
from domain.people import Role
from domain.statuses import CampaignStatus
from tests.api.campaign_rows import change_row
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company
from tests.ui.people import add_user, csrf_of, fields_of, send_form, signed_in
from tests.ui.test_campaigns import enroll_in

COMMANDS = {
    "pause": ("running", Command.PAUSE, "2 contacts have not had Message 1 yet and will wait"),
    "resume": ("paused", Command.RESUME, "2 contacts wait for Message 1"),
    "cancel": ("running", Command.CANCEL, "2 contacts will never get Message 1"),
    "retry-failed": ("running", Command.RETRY_FAILED, "Message 1 failed for 1 contact."),
}


async def running(company: Company, status: str = "running") -> str:
    """A campaign with two contacts that wait, one that failed and one that has its message."""
    made = await company.campaign()
    await change_row(company, made["id"], status=status)
    for state in ("pending", "pending", "failed", "sent"):
        await enroll_in(company, made["id"], status=state)
    campaign_id: str = made["id"]
    return campaign_id


@pytest.mark.parametrize("order", COMMANDS)
async def test_an_order_is_asked_with_its_number_and_then_done(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows, order: str
) -> None:
    status, command, question = COMMANDS[order]
    campaign_id = await running(company, status)
    workflows.affected = 2
    async with signed_in(app, owner) as http:
        asked = await http.get(f"/campaigns/{campaign_id}/{order}")
        assert question in asked.text
        assert workflows.asked("command") == []
        done = await http.post(f"/campaigns/{campaign_id}/{order}", data={"csrf": csrf_of(asked)})
        assert done.status_code == 303
        assert workflows.asked("command") == [(UUID(campaign_id), command)]
        told = (await http.get(done.headers["location"])).text
    assert 'class="alert alert-success"' in told
    if order == "cancel":
        assert "2 contacts were stopped before Message 1" in told


async def test_a_start_leads_to_the_check_which_asks_and_says_what_stands_in_the_way(
    app: FastAPI, company: Company, owner: User
) -> None:
    made = await company.campaign()
    async with signed_in(app, owner) as http:
        shown = (await http.get(f"/campaigns/{made['id']}")).text
        [asked_at] = re.findall(r'id="order-start" class="[^"]*" href="([^"]*)"', shown)
        check = await http.get(asked_at)
    assert check.status_code == 200
    assert "The campaign has no contacts; take some in first." in check.text
    assert '/setup/audience">Put it right' in check.text


class PausesOnce(RecordingWorkflows):
    """Like the workflow: a second pause is refused, and the first one's state is in the database by then."""

    company: Company
    turn: asyncio.Lock

    async def command(self, campaign_id: UUID, command: Command, request_id: UUID | None = None) -> CommandResult:
        """Pauses, or refuses; one order after the other, as the workflow's lock has it."""
        async with self.turn:
            self.refuses = "A campaign that is paused cannot take 'pause'." if self.calls else None
            result = await super().command(campaign_id, command, request_id)
            await change_row(self.company, str(campaign_id), status="paused")
            return result


async def test_of_two_who_pause_at_once_the_second_is_told_that_it_is_paused(
    app: FastAPI, company: Company, owner: User
) -> None:
    campaign_id = await running(company)
    other = await add_user(company.database, company.tenant_id, Role.OPERATOR)
    workflows = PausesOnce()
    workflows.company, workflows.turn = company, asyncio.Lock()
    object.__setattr__(app.state.services, "workflows", workflows)
    at = f"/campaigns/{campaign_id}/pause"
    async with signed_in(app, owner) as one, signed_in(app, other) as two:
        tokens = [csrf_of(await http.get(at)) for http in (one, two)]
        answers = await asyncio.gather(
            *(http.post(at, data={"csrf": token}) for http, token in zip((one, two), tokens, strict=True))
        )
        assert [answer.status_code for answer in answers] == [303, 303]
        ends = sorted(answer.headers["location"].partition("?")[2] for answer in answers)
        assert ends == ["done=already", "done=pause"]
        told = (await one.get(f"/campaigns/{campaign_id}?done=already")).text
    assert "Somebody was faster: the campaign is in that state already." in told


@pytest.mark.parametrize(("order", "status"), [("pause", "completed"), ("resume", "draft")])
async def test_what_the_state_forbids_is_told_as_such(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows, order: str, status: str
) -> None:
    campaign_id = await running(company, status)
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/{order}"
        assert (await http.get(at)).status_code == 409
        answer = await send_form(http, "/settings", at)
    assert answer.status_code == 409
    assert "This is not possible now" in answer.text
    assert workflows.calls == []


async def test_an_engine_that_is_away_is_told_as_such(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await running(company)
    workflows.away = True
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/pause"
        told = await send_form(http, at, at)
    assert told.status_code == 503
    assert "What was asked may be done all the same: look before you ask again." in told.text


async def test_an_order_whose_database_went_away_is_not_told_as_undone(
    app: FastAPI, company: Company, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = await running(company)
    at = f"/campaigns/{campaign_id}/pause"

    async def away(*_: object) -> None:
        raise ConnectionResetError

    async with signed_in(app, owner) as http:
        token = csrf_of(await http.get(at))
        monkeypatch.setattr(campaign_commands, "found", away)
        told = await http.post(at, data={"csrf": token})
        monkeypatch.setattr(campaigns, "read_progress", away)
        looked = await http.get(at)
    assert (told.status_code, looked.status_code) == (503, 503)
    assert "may be done all the same: look before you ask again." in told.text
    assert "Try again in a moment." in looked.text


async def test_an_order_without_the_token_is_refused(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await running(company)
    async with signed_in(app, owner) as http:
        for order in (*COMMANDS, "pacing"):
            assert (await http.post(f"/campaigns/{campaign_id}/{order}")).status_code == 403
    assert workflows.calls == []


async def test_a_viewer_orders_nothing(
    app: FastAPI, company: Company, viewer: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await running(company)
    async with signed_in(app, viewer) as http:
        for order in (*COMMANDS, "pacing"):
            assert (await send_form(http, "/settings", f"/campaigns/{campaign_id}/{order}")).status_code == 403
    assert workflows.calls == []


async def test_another_tenants_campaign_takes_no_order(
    app: FastAPI, rival: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    theirs = await running(rival)
    async with signed_in(app, owner) as http:
        for order in (*COMMANDS, "pacing"):
            assert (await send_form(http, "/settings", f"/campaigns/{theirs}/{order}")).status_code == 404
    assert workflows.calls == []


async def test_the_pacing_of_a_running_campaign_is_changed(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await running(company)
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/pacing"
        assert "2 contacts have not had Message 1 yet" in (await http.get(at)).text
        answer = await send_form(http, at, at, delay_seconds="2,5", batch_size="20")
    assert answer.headers["location"].endswith("?done=pacing")
    [(asked_id, pacing)] = workflows.asked("change_pacing")
    assert (asked_id, pacing.delay_seconds, pacing.batch_size) == (UUID(campaign_id), 2.5, 20)


@pytest.mark.parametrize("delay", [0.5, 90])
async def test_a_delay_outside_bounds_that_nobody_touched_widens_them(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows, delay: float
) -> None:
    campaign_id = await running(company)
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/pacing"
        shown = fields_of(await http.get(at), f'action="{at}"')
        assert (shown["delay_seconds"], shown["min_delay_seconds"], shown["max_delay_seconds"]) == ("1", "1", "60")
        assert (await http.post(at, data={**shown, "delay_seconds": str(delay)})).status_code == 303
        again = await http.post(at, data={**shown, "delay_seconds": str(delay), "shown": ""})
    assert again.status_code == 303
    for _, pacing in workflows.asked("change_pacing"):
        assert (pacing.min_delay_seconds, pacing.max_delay_seconds) == (min(1, delay), max(60, delay))


async def test_a_change_of_the_pacing_leaves_what_another_one_changed_meanwhile(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await running(company)
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/pacing"
        shown = fields_of(await http.get(at), f'action="{at}"')
        await change_row(company, campaign_id, pacing=Pacing(delay_seconds=1, batch_size=5).model_dump())
        assert (await http.post(at, data={**shown, "batch_pause_seconds": "30"})).status_code == 303
    [(_, pacing)] = workflows.asked("change_pacing")
    assert (pacing.batch_size, pacing.batch_pause_seconds) == (5, 30)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("delay_seconds", "soon", "Write a number of seconds between 0 and 86400."),
        ("delay_seconds", "-1", "Write a number of seconds between 0 and 86400."),
        ("delay_seconds", "nan", "Write a number of seconds between 0 and 86400."),
        ("delay_seconds", "1e9", "Write a number of seconds between 0 and 86400."),
        ("batch_size", "2.5", "Write a whole number between 1 and 1000."),
        ("batch_size", "0", "Write a whole number between 1 and 1000."),
        ("min_delay_seconds", "50", "The shortest delay must not be above the delay."),
        ("max_delay_seconds", "0.1", "The longest delay must not be below the delay."),
    ],
)
async def test_a_pacing_that_cannot_be_is_told_at_its_field(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows, field: str, value: str, said: str
) -> None:
    campaign_id = await running(company)
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/pacing"
        answer = await send_form(http, at, at, **{"delay_seconds": "1", field: value})
    assert answer.status_code == 422
    assert f'id="{field}-about">{said}' in answer.text
    assert f'value="{value}"' in answer.text
    assert workflows.calls == []


async def test_the_pacing_of_a_campaign_that_is_over_is_left_alone(
    app: FastAPI, company: Company, owner: User, workflows: RecordingWorkflows
) -> None:
    campaign_id = await running(company, CampaignStatus.COMPLETED)
    async with signed_in(app, owner) as http:
        at = f"/campaigns/{campaign_id}/pacing"
        assert (await http.get(at)).status_code == 409
        assert (await send_form(http, "/settings", at, delay_seconds="3")).status_code == 409
    assert workflows.calls == []
