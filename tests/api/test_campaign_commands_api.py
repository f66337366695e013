"""What an operator orders of a campaign, and the look before it starts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from db.tables import Contact, Delivery, Enrollment, Suppression
from domain.campaigns import CampaignRef, Command
from domain.statuses import CampaignStatus, MessageStatus
from tests.api.campaign_rows import change_enrollment, change_row, fields, listed
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, phone
from tests.api.rows import set_channel
from workflows.handles import EngineUnavailable

TEMPLATE = "Hi {{ first_name }}, from {{ town | default('afar') }}"


async def ready(company: Company, **asked: Any) -> str:
    """A campaign with two contacts."""
    campaign = await company.campaign(**asked)
    await company.contacts(campaign["id"], {"phone": phone(1)}, {"phone": phone(2)})
    campaign_id: str = campaign["id"]
    return campaign_id


async def status_of(company: Company, campaign_id: str) -> str:
    """The campaign's state as it is shown."""
    status: str = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()["status"]
    return status


async def test_a_start_runs_the_workflow_of_the_campaign(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = await ready(company)
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/start")
    assert (answer.status_code, answer.json()) == (202, {"id": campaign_id, "status": "running"})
    assert workflows.asked("start_campaign") == [
        CampaignRef(tenant_id=company.tenant_id, campaign_id=UUID(campaign_id))
    ]
    shown = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()
    assert shown["status"] == "running"
    assert shown["started_at"]


async def test_a_start_in_the_future_is_scheduled(company: Company, workflows: RecordingWorkflows) -> None:
    start_at = datetime.now(UTC) + timedelta(days=1)
    campaign_id = await ready(company, start_at=start_at.isoformat())
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/start")
    assert answer.json()["status"] == "scheduled"
    assert len(workflows.calls) == 1


async def test_a_second_start_is_refused(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = await ready(company)
    await company.http.post(f"/api/campaigns/{campaign_id}/start")
    again = await company.http.post(f"/api/campaigns/{campaign_id}/start")
    assert again.status_code == 409
    assert "running" in again.json()["detail"]
    assert len(workflows.calls) == 1


async def test_a_campaign_without_contacts_does_not_start(company: Company, workflows: RecordingWorkflows) -> None:
    campaign = await company.campaign()
    answer = await company.http.post(f"/api/campaigns/{campaign['id']}/start")
    assert answer.status_code == 422
    assert fields(answer) == ["contacts"]
    assert await status_of(company, campaign["id"]) == "draft"
    assert workflows.calls == []


async def test_contacts_who_lack_a_variable_are_listed_and_nothing_starts(
    company: Company, workflows: RecordingWorkflows
) -> None:
    campaign = await company.campaign(message_1=TEMPLATE, message_2="{{ code }}")
    people = [{"phone": phone(number), "first_name": "Ana", "code": "x"} for number in range(3)]
    lacking = [{"phone": phone(100 + number), "first_name": " ", "code": "x"} for number in range(60)]
    await company.contacts(campaign["id"], *people, *lacking, {"phone": phone(99), "first_name": "Bo"})
    answer = await company.http.post(f"/api/campaigns/{campaign['id']}/start")
    assert answer.status_code == 422
    assert fields(answer) == ["variables.first_name"]
    told = answer.json()["missing_variables"]
    assert told["count"] == 61
    assert told["variables"] == ["first_name"]
    assert len(told["contacts"]) == 50
    assert told["contacts"][0] == {
        "contact_id": told["contacts"][0]["contact_id"],
        "phone": phone(100),
        "missing": ["first_name"],
    }
    assert await status_of(company, campaign["id"]) == "draft"
    assert workflows.calls == []


async def test_the_same_file_with_the_column_filled_lets_it_start(company: Company) -> None:
    campaign = await company.campaign(message_1=TEMPLATE)
    await company.contacts(campaign["id"], {"phone": phone(1)})
    assert (await company.http.post(f"/api/campaigns/{campaign['id']}/start")).status_code == 422
    await company.contacts(campaign["id"], {"phone": phone(1), "first_name": "Ana"})
    assert (await company.http.post(f"/api/campaigns/{campaign['id']}/start")).status_code == 202


async def test_with_the_engine_away_the_campaign_stays_a_draft(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = await ready(company)
    workflows.away = True
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/start")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert await status_of(company, campaign_id) == "draft"
    workflows.away = False
    assert (await company.http.post(f"/api/campaigns/{campaign_id}/start")).status_code == 202


async def test_the_launch_check_tells_what_a_start_would_meet(company: Company) -> None:
    campaign = await company.campaign(
        message_1=TEMPLATE, pacing={"delay_seconds": 2, "batch_size": 2, "batch_pause_seconds": 10}
    )
    address = f"/api/campaigns/{campaign['id']}/launch-check"
    empty = (await company.http.get(address)).json()
    assert (empty["ok"], [problem["code"] for problem in empty["problems"]]) == (False, ["no_contacts"])
    await company.contacts(
        campaign["id"], *({"phone": phone(number), "first_name": "Ana"} for number in range(1, 5)), {"phone": phone(9)}
    )
    async with company.database.tenant(company.tenant_id) as session:
        session.add(Suppression(tenant_id=company.tenant_id, phone=phone(1), source="test"))
    before = datetime.now(UTC)
    told = (await company.http.get(address)).json()
    assert not told["ok"]
    assert [problem["code"] for problem in told["problems"]] == ["missing_variables"]
    assert [contact["phone"] for contact in told["missing_variables"]["contacts"]] == [phone(9)]
    assert (told["contacts"], told["suppressed"]) == (5, 1)
    assert told["eta_seconds"] == 5 * 2 + 2 * 10
    finishes = datetime.fromisoformat(told["finishes_at"])
    assert timedelta(0) <= finishes - before - timedelta(seconds=30) < timedelta(seconds=10)
    assert datetime.fromisoformat(told["closes_at"]) - finishes == timedelta(days=1)


async def test_the_launch_check_warns_of_a_channel_that_is_paused(company: Company) -> None:
    campaign_id = await ready(company)
    assert (await company.http.get(f"/api/campaigns/{campaign_id}/launch-check")).json()["warnings"] == []
    await set_channel(company, status="paused")
    told = (await company.http.get(f"/api/campaigns/{campaign_id}/launch-check")).json()
    assert told["ok"]
    assert [warning["code"] for warning in told["warnings"]] == ["channel_not_active"]


@pytest.mark.parametrize(
    ("verb", "command", "status", "after"),
    [
        ("pause", Command.PAUSE, "running", "paused"),
        ("resume", Command.RESUME, "paused", "running"),
        ("cancel", Command.CANCEL, "running", "cancelled"),
        ("cancel", Command.CANCEL, "scheduled", "cancelled"),
        ("retry-failed", Command.RETRY_FAILED, "paused", "running"),
    ],
)
async def test_a_command_goes_to_the_workflow(
    company: Company, workflows: RecordingWorkflows, verb: str, command: Command, status: str, after: str
) -> None:
    campaign_id = await ready(company)
    await change_row(company, campaign_id, status=status)
    workflows.affected = 7
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/{verb}")
    assert answer.status_code == 202
    counted = {"cancel": {"stopped": 7}, "retry-failed": {"retried": 7}}.get(verb, {})
    assert answer.json() == {"id": campaign_id, "status": after, **counted}
    assert workflows.calls == [("command", (UUID(campaign_id), command))]


@pytest.mark.parametrize(
    ("verb", "statuses"),
    [
        ("start", ["scheduled", "running", "paused", "completed", "cancelled"]),
        ("pause", ["draft", "scheduled", "paused", "completed", "cancelled"]),
        ("resume", ["draft", "scheduled", "running", "completed", "cancelled"]),
        ("cancel", ["completed", "cancelled"]),
        ("retry-failed", ["draft", "scheduled", "cancelled", "completed"]),
    ],
)
async def test_a_command_that_the_state_forbids_is_refused(
    company: Company, workflows: RecordingWorkflows, verb: str, statuses: list[str]
) -> None:
    campaign_id = await ready(company)
    for status in statuses:
        await change_row(company, campaign_id, status=status)
        answer = await company.http.post(f"/api/campaigns/{campaign_id}/{verb}")
        assert answer.status_code == 409, status
        assert await status_of(company, campaign_id) == status
    assert workflows.calls == []


async def test_a_refusal_of_the_workflow_is_a_conflict(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = await ready(company)
    await change_row(company, campaign_id, status=CampaignStatus.RUNNING)
    workflows.refuses = "The campaign is not running."
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/pause")
    assert (answer.status_code, answer.json()["detail"]) == (409, "The campaign is not running.")


async def test_a_draft_is_cancelled_without_the_engine(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = await ready(company)
    workflows.away = True
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/cancel")
    assert answer.json() == {"id": campaign_id, "status": "cancelled", "stopped": 2}
    shown = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()
    assert (shown["status"], shown["counts"]["cancelled"], shown["counts"]["total"]) == ("cancelled", 2, 2)
    assert shown["ended_at"]
    async with company.database.tenant(company.tenant_id) as session:
        rows = list(await session.exec(select(Enrollment).where(Enrollment.campaign_id == UUID(campaign_id))))
    assert {row.outcome for row in rows} == {"cancelled"}
    assert all(row.closed_at for row in rows)


async def test_a_cancel_that_takes_longer_than_a_caller_waits_says_how_many_it_stops(
    company: Company, workflows: RecordingWorkflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = await ready(company)
    await change_row(company, campaign_id, status="running")
    contact_id = (await listed(company, campaign_id))[0]["contact_id"]

    async def only_begun(*_: Any) -> None:
        await change_row(company, campaign_id, status="cancelled")
        await change_enrollment(company, campaign_id, contact_id, status="cancelled")
        raise EngineUnavailable("no worker took the command in time")

    monkeypatch.setattr(workflows, "command", only_begun)
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/cancel")
    assert (answer.status_code, answer.json()) == (202, {"id": campaign_id, "status": "cancelled", "stopped": 2})


async def test_a_cancel_that_no_worker_took_is_no_cancel(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = await ready(company)
    await change_row(company, campaign_id, status="running")
    workflows.away = True
    assert (await company.http.post(f"/api/campaigns/{campaign_id}/cancel")).status_code == 503
    assert await status_of(company, campaign_id) == "running"


async def test_failed_contacts_of_a_completed_campaign_are_tried_again(
    company: Company, workflows: RecordingWorkflows
) -> None:
    campaign_id = await ready(company)
    first = (await listed(company, campaign_id))[0]["contact_id"]
    await change_enrollment(company, campaign_id, first, status=MessageStatus.FAILED)
    await change_row(company, campaign_id, status=CampaignStatus.COMPLETED)
    answer = await company.http.post(f"/api/campaigns/{campaign_id}/retry-failed")
    assert answer.json() == {"id": campaign_id, "status": "running", "retried": 1}
    [reference] = workflows.asked("start_campaign")
    assert reference.reopen


async def test_a_test_send_goes_out_alone_and_counts_nowhere(company: Company, workflows: RecordingWorkflows) -> None:
    campaign = await company.campaign(message_1=TEMPLATE)
    body = {"phone": "06 12 34 56 78", "variables": {"First name": "Ana"}}
    answer = await company.http.post(f"/api/campaigns/{campaign['id']}/test-send", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["text"] == "Hi Ana, from afar"
    [(delivery_id, request)] = workflows.asked("send_single")
    assert str(delivery_id) == answer.json()["delivery_id"]
    async with company.database.tenant(company.tenant_id) as session:
        delivery = (await session.exec(select(Delivery).where(col(Delivery.id) == delivery_id))).one()
        contact = (await session.exec(select(Contact).where(col(Contact.id) == delivery.contact_id))).one()
    assert (delivery.kind, delivery.status, delivery.body) == ("test", "queued", "Hi Ana, from afar")
    assert delivery.idempotency_key == request.idempotency_key == f"test/{delivery_id}"
    assert (delivery.campaign_id, request.campaign_id) == (None, None)
    assert contact.phone == "+33612345678"
    assert (await company.http.get(f"/api/campaigns/{campaign['id']}")).json()["counts"]["total"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"phone": phone(1)}, "variables.first_name"),
        ({"phone": phone(1), "variables": {"first_name": "A" * 1001}}, "variables.first_name"),
        ({"phone": phone(1), "variables": {"first_name": "\0"}}, "variables.first_name"),
        ({"phone": phone(1), "message": 3}, "message"),
        ({}, "phone"),
    ],
)
async def test_a_test_send_that_cannot_be_said_is_refused(
    company: Company, workflows: RecordingWorkflows, body: dict[str, Any], field: str
) -> None:
    campaign = await company.campaign(message_1=TEMPLATE)
    answer = await company.http.post(f"/api/campaigns/{campaign['id']}/test-send", json=body)
    assert answer.status_code == 422
    assert fields(answer) == [field]
    assert workflows.calls == []


async def test_the_estimate_counts_what_is_left_and_who_shares_the_channel(company: Company) -> None:
    campaign_id = await ready(company, pacing={"delay_seconds": 1})
    other = await company.campaign()
    address = f"/api/campaigns/{campaign_id}"
    assert (await company.http.get(address)).json()["eta_seconds"] == 2
    await change_row(company, other["id"], status=CampaignStatus.RUNNING)
    assert (await company.http.get(address)).json()["eta_seconds"] == 4
    first = (await listed(company, campaign_id))[0]["contact_id"]
    await change_enrollment(company, campaign_id, first, status=MessageStatus.SENT, message_1_at=datetime.now(UTC))
    shown = (await company.http.get(address)).json()
    assert shown["eta_seconds"] == 2
    assert shown["last_contact_id"] == first
