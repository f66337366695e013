"""Deliveries over the API: what is held or unknown and why, and an operator's word on the unknown ones."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlmodel import col, select

from db.tables import ActionLogLine, Delivery
from domain.gate import REASON_TEXT, Reason
from domain.ids import single_delivery_workflow_id
from domain.signals import SignalName
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, enroll, keep

TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


async def listed(company: Company, **params: str) -> list[str]:
    answer = await company.http.get("/api/deliveries", params=params)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def unknown(company: Company) -> Delivery:
    contact = await add_contact(company)
    return await add_delivery(company, contact, status="unknown", body="Hello", attempts=1)


async def test_what_is_held_says_why_by_which_limit_and_until_when(company: Company) -> None:
    contact = await add_contact(company)
    held = await add_delivery(
        company, contact, status="held", reason="daily_quota", limit_name="daily quota of 5", hold_until=TOMORROW
    )
    [item] = (await company.http.get("/api/deliveries")).json()["items"]
    assert (item["id"], item["phone"], item["limit"]) == (str(held.id), contact.phone, "daily quota of 5")
    assert (item["reason"], item["reason_text"]) == ("daily_quota", REASON_TEXT[Reason.DAILY_QUOTA])
    assert datetime.fromisoformat(item["hold_until"]) == TOMORROW


async def test_the_list_has_held_and_unknown_ones_and_can_be_narrowed(company: Company) -> None:
    contact = await add_contact(company)
    enrollment = await enroll(company, contact)
    ids = {
        status: str((await add_delivery(company, contact, status=status)).id)
        for status in ("queued", "held", "sending", "unknown", "sent", "failed", "refused")
    }
    of_campaign = str((await add_delivery(company, contact, status="held", campaign_id=enrollment.campaign_id)).id)
    assert await listed(company) == [of_campaign, ids["unknown"], ids["held"]]
    assert await listed(company, status="unknown") == [ids["unknown"]]
    assert await listed(company, status="sending") == [ids["sending"]]
    assert await listed(company, campaign_id=str(enrollment.campaign_id)) == [of_campaign]
    assert len(await listed(company, channel_id=str(company.channel_id))) == 3
    assert await listed(company, channel_id=str(uuid4())) == []
    assert (await company.http.get("/api/deliveries?status=sent")).status_code == 422


async def test_the_list_comes_in_pages(company: Company) -> None:
    contact = await add_contact(company)
    made = [str((await add_delivery(company, contact, status="held")).id) for _ in range(5)]
    first = (await company.http.get("/api/deliveries?limit=3")).json()
    second = (await company.http.get("/api/deliveries", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


async def test_one_is_shown_with_its_text_and_its_log(company: Company) -> None:
    delivery = await unknown(company)
    line = ActionLogLine(
        tenant_id=company.tenant_id,
        delivery_id=delivery.id,
        contact_id=delivery.contact_id,
        action="test",
        status="held",
        reason="send_window",
    )
    await keep(company, line)
    body = (await company.http.get(f"/api/deliveries/{delivery.id}")).json()
    assert (body["status"], body["body"]) == ("unknown", "Hello")
    [told] = body["log"]
    assert (told["action"], told["status"], told["reason_text"]) == ("test", "held", REASON_TEXT[Reason.SEND_WINDOW])


@pytest.mark.parametrize(("action", "status"), [("mark_sent", "sent"), ("resend", "queued")])
async def test_an_operators_word_settles_an_unknown_one_and_tells_its_workflow(
    company: Company, workflows: RecordingWorkflows, action: str, status: str
) -> None:
    delivery = await unknown(company)
    answer = await company.http.post(f"/api/deliveries/{delivery.id}/resolve", json={"action": action})
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert answer.json()["log"][-1]["status"] == status
    [signal] = workflows.asked("deliver")
    assert (signal.workflow_id, signal.name) == (single_delivery_workflow_id(delivery.id), SignalName.RELEASE)


async def test_with_the_engine_away_nothing_is_settled(company: Company, workflows: RecordingWorkflows) -> None:
    delivery = await unknown(company)
    workflows.away = True
    answer = await company.http.post(f"/api/deliveries/{delivery.id}/resolve", json={"action": "mark_sent"})
    assert answer.status_code == 503
    assert await listed(company, status="unknown") == [str(delivery.id)]


@pytest.mark.parametrize("status", ["queued", "held", "sending", "sent", "failed", "refused"])
async def test_what_is_not_unknown_cannot_be_resolved(
    company: Company, workflows: RecordingWorkflows, status: str
) -> None:
    delivery = await add_delivery(company, await add_contact(company), status=status)
    for action in ("resend", "mark_sent"):
        answer = await company.http.post(f"/api/deliveries/{delivery.id}/resolve", json={"action": action})
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert workflows.calls == []


async def test_another_tenants_delivery_does_not_exist(company: Company, rival: Company) -> None:
    delivery = await unknown(rival)
    place = f"/api/deliveries/{delivery.id}"
    assert (await company.http.get(place)).status_code == 404
    assert (await company.http.post(f"{place}/resolve", json={"action": "mark_sent"})).status_code == 404
    assert await listed(company, channel_id=str(rival.channel_id)) == []
    async with rival.database.tenant(rival.tenant_id) as session:
        assert (await session.exec(select(col(Delivery.status)))).one() == "unknown"
