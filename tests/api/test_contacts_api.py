"""Contacts over the API: found by phone and name, and told with all that happened to them, in order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from db.tables import ActionLogLine, Delivery, Enrollment, Interaction, Message, Suppression
from domain.gate import REASON_TEXT, Reason
from domain.ids import enrollment_workflow_id
from tests.api.people import Company
from tests.api.rows import add_contact, add_delivery, enroll, fresh_phone, keep

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


async def read_all(company: Company, path: str, limit: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(100):
        answer = await company.http.get(f"{path}?limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return items
        cursor = f"&cursor={answer.json()['next_cursor']}"
    raise AssertionError("the pages do not end")


async def test_contacts_are_found_by_the_beginning_of_the_phone_and_a_part_of_the_name(company: Company) -> None:
    ana = await add_contact(company, phone="+33655500001", name="Ana Durand")
    await add_contact(company, phone="+33655500002", name="Léo Martin")
    await add_contact(company, phone="+34600000001", name="100% Ana_")

    async def found(**params: str) -> list[str]:
        answer = await company.http.get("/api/contacts", params=params)
        assert answer.status_code == 200, answer.text
        return sorted(item["name"] for item in answer.json()["items"])

    assert await found(phone="+3365550") == ["Ana Durand", "Léo Martin"]
    assert await found(phone="33 6 55-50") == ["Ana Durand", "Léo Martin"]
    assert await found(phone="0034") == ["100% Ana_"]
    assert await found(name="ANA") == ["100% Ana_", "Ana Durand"]
    assert await found(name="%") == ["100% Ana_"]
    assert await found(name="_") == ["100% Ana_"]
    assert await found(name="ana", phone="+336") == ["Ana Durand"]
    assert await found(phone="abc") == []
    assert (await company.http.get(f"/api/contacts/{ana.id}")).json()["suppressed"] is False


async def test_the_list_shows_everybody_once_however_it_is_cut(company: Company) -> None:
    moment = at(0)
    made = {str((await add_contact(company, created_at=moment)).id) for _ in range(7)}
    for limit in (1, 3, 7, 50):
        shown = [item["id"] for item in await read_all(company, "/api/contacts", limit)]
        assert len(shown) == 7
        assert set(shown) == made


async def test_a_contact_is_shown_with_its_campaigns_and_the_workflow_of_each(company: Company) -> None:
    contact = await add_contact(company, name="Ana")
    first = await enroll(company, contact, status="read", outcome="no_reply")
    second = await enroll(company, contact, status="pending", held=True, reason="campaign_paused")
    await keep(company, Suppression(tenant_id=company.tenant_id, phone=contact.phone, source="api"))
    body = (await company.http.get(f"/api/contacts/{contact.id}")).json()
    assert (body["name"], body["phone"], body["suppressed"]) == ("Ana", contact.phone, True)
    assert [(one["status"], one["held"], one["outcome"]) for one in body["enrollments"]] == [
        ("pending", True, None),
        ("read", False, "no_reply"),
    ]
    assert [one["workflow_id"] for one in body["enrollments"]] == [
        enrollment_workflow_id(one.campaign_id, contact.id) for one in (second, first)
    ]


async def _eventful(company: Company) -> tuple[Enrollment, Delivery]:
    """A contact to whom everything happened: one thing a minute, some things twice."""
    contact = await add_contact(company)
    enrollment = await enroll(
        company, contact, status="read", launched_at=at(0), closed_at=at(9), outcome="answered", replied_at=at(5)
    )
    delivery = await add_delivery(
        company,
        contact,
        kind="message_1",
        campaign_id=enrollment.campaign_id,
        reason="send_window",
        limit_name="send window",
    )
    own: dict[str, Any] = {"tenant_id": company.tenant_id, "contact_id": contact.id}
    line: dict[str, Any] = {**own, "delivery_id": delivery.id, "campaign_id": enrollment.campaign_id}
    line["action"] = "message_1"
    spoken: dict[str, Any] = {**own, "channel_id": company.channel_id}
    reply = Message(**spoken, direction="in", body="yes", status="received", occurred_at=at(5))
    again = Message(**spoken, direction="in", body="hello?", status="received", occurred_at=at(7))
    await keep(
        company,
        ActionLogLine(**line, status="held", reason="daily_quota", executed_at=at(1)),
        ActionLogLine(**line, status="held", reason="send_window", executed_at=at(2), scheduled_at=at(2)),
        ActionLogLine(**line, status="sent", executed_at=at(3)),
        Message(**spoken, direction="out", body="Hello", status="read", occurred_at=at(4), delivery_id=delivery.id),
        reply,
        again,
        Interaction(**own, campaign_id=enrollment.campaign_id, message_id=reply.id, counted=True, received_at=at(6)),
        Interaction(
            **own,
            campaign_id=enrollment.campaign_id,
            message_id=again.id,
            counted=False,
            reason="a repeat: this campaign already has its reply",
            received_at=at(8),
        ),
        Suppression(tenant_id=company.tenant_id, phone=contact.phone, source="opt_out", note="STOP", created_at=at(10)),
    )
    return enrollment, delivery


async def test_the_timeline_tells_everything_in_the_order_in_which_it_happened(company: Company) -> None:
    enrollment, delivery = await _eventful(company)
    lines = await read_all(company, f"/api/contacts/{enrollment.contact_id}/timeline", 50)
    told = [(line["kind"], line["status"] or line["outcome"] or line["counted"] or line["source"]) for line in lines]
    assert told == [
        ("launched", None),
        ("action", "held"),
        ("action", "held"),
        ("action", "sent"),
        ("message_out", "read"),
        ("message_in", "received"),
        ("interaction", True),
        ("message_in", "received"),
        ("interaction", None),
        ("ended", "answered"),
        ("suppressed", "opt_out"),
    ]
    held, bound = lines[1], lines[2]
    assert (held["reason"], held["reason_text"]) == ("daily_quota", REASON_TEXT[Reason.DAILY_QUOTA])
    assert held["limit"] is None
    assert (bound["reason_text"], bound["limit"]) == (REASON_TEXT[Reason.SEND_WINDOW], "send window")
    assert bound["delivery_id"] == str(delivery.id)
    assert lines[8]["reason_text"] == "a repeat: this campaign already has its reply"
    workflow_id = enrollment_workflow_id(enrollment.campaign_id, enrollment.contact_id)
    in_campaign = [line for line in lines if line["kind"] in ("launched", "action", "interaction", "ended")]
    assert {line["workflow_id"] for line in in_campaign} == {workflow_id}


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11])
async def test_the_pages_of_a_timeline_are_the_timeline(company: Company, limit: int) -> None:
    enrollment, _ = await _eventful(company)
    path = f"/api/contacts/{enrollment.contact_id}/timeline"
    assert await read_all(company, path, limit) == await read_all(company, path, 50)


async def test_things_of_one_instant_are_each_told_once(company: Company) -> None:
    contact = await add_contact(company)
    own: dict[str, Any] = {"tenant_id": company.tenant_id, "contact_id": contact.id, "channel_id": company.channel_id}
    texts = [Message(**own, direction="in", body=str(n), status="received", occurred_at=at(0)) for n in range(9)]
    await keep(company, *texts)
    shown = await read_all(company, f"/api/contacts/{contact.id}/timeline", 2)
    assert sorted(line["body"] for line in shown) == [str(n) for n in range(9)]


async def test_another_tenants_contact_does_not_exist(company: Company, rival: Company) -> None:
    phone = fresh_phone()
    contact = await add_contact(rival, phone=phone)
    for path in (f"/api/contacts/{contact.id}", f"/api/contacts/{contact.id}/timeline", f"/api/contacts/{uuid4()}"):
        assert (await company.http.get(path)).status_code == 404
    assert (await company.http.get("/api/contacts", params={"phone": phone})).json()["items"] == []


async def test_searching_for_a_nul_character_is_refused(company: Company) -> None:
    for params in ({"name": "a\0"}, {"phone": "\0"}, {"name": "x" * 201}):
        assert (await company.http.get("/api/contacts", params=params)).status_code == 422
