"""A campaign's contacts as they are listed and downloaded."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.campaign_rows import change_enrollment, fields, listed
from tests.api.people import Company, phone

SENT_AT, REPLIED_AT, ANSWERED_AT = (datetime(2026, 11, 20, 9, minute, tzinfo=UTC) for minute in (0, 5, 6))


async def people(company: Company, count: int) -> tuple[str, list[str]]:
    """A campaign with so many contacts: its id and theirs."""
    campaign_id = (await company.campaign())["id"]
    await company.contacts(campaign_id, *({"phone": phone(number), "name": f"P{number}"} for number in range(count)))
    return campaign_id, [contact["contact_id"] for contact in await listed(company, campaign_id, limit=200)]


async def test_a_contact_is_told_as_the_contract_says(company: Company) -> None:
    campaign_id, [contact_id] = await people(company, 1)
    new = (await listed(company, campaign_id))[0]
    assert (new["contact_id"], new["phone"], new["status"]) == (contact_id, phone(0), "pending")
    assert new["message_1"] == {"status": "pending", "sent_at": None}
    assert new["message_2"] == {"status": None, "sent_at": None}
    assert (new["replied_at"], new["reason"]) == (None, None)
    await change_enrollment(
        company,
        campaign_id,
        contact_id,
        status="read",
        message_1_at=SENT_AT,
        replied_at=REPLIED_AT,
        message_2_status="delivered",
        message_2_at=ANSWERED_AT,
        outcome="answered",
    )
    told = (await listed(company, campaign_id))[0]
    assert (told["status"], told["outcome"]) == ("read", "answered")
    assert told["message_1"] == {"status": "read", "sent_at": "2026-11-20T09:00:00Z"}
    assert told["replied_at"] == "2026-11-20T09:05:00Z"
    assert told["message_2"] == {"status": "delivered", "sent_at": "2026-11-20T09:06:00Z"}


async def test_pages_hold_every_contact_once(company: Company) -> None:
    campaign_id, ids = await people(company, 7)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    for _ in range(3):
        page = (await company.http.get(f"/api/campaigns/{campaign_id}/contacts", params=query)).json()
        seen += [item["contact_id"] for item in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert seen == ids
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("sent", {"status": "sent"}),
        ("held", {"held": True, "reason": "Outside the send window."}),
        ("replied", {"status": "sent", "replied_at": REPLIED_AT}),
        ("message_2_sent", {"status": "read", "message_2_status": "read"}),
        ("no_reply", {"status": "sent", "outcome": "no_reply"}),
        ("opted_out", {"status": "suppressed", "outcome": "opted_out"}),
        ("unknown", {"status": "unknown"}),
    ],
)
async def test_what_a_count_counts_is_what_its_filter_lists(
    company: Company, name: str, columns: dict[str, Any]
) -> None:
    campaign_id, ids = await people(company, 3)
    await change_enrollment(company, campaign_id, ids[1], **columns)
    counts = (await company.http.get(f"/api/campaigns/{campaign_id}")).json()["counts"]
    assert counts[name] == 1
    assert counts["total"] == 3
    assert [contact["contact_id"] for contact in await listed(company, campaign_id, status=name)] == [ids[1]]


@pytest.mark.parametrize("query", [{"status": "asleep"}, {"cursor": "Ng"}, {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}])
async def test_a_wrong_query_is_refused_unless_it_is_a_position(company: Company, query: dict[str, str]) -> None:
    campaign_id, _ = await people(company, 1)
    answer = await company.http.get(f"/api/campaigns/{campaign_id}/contacts", params=query)
    if query.get("cursor") == "Ng":  # a well-formed position, 6, that merely was not handed out
        assert answer.status_code == 200
    else:
        assert answer.status_code == 422
        assert fields(answer) == list(query)


async def test_the_download_holds_every_contact_and_no_formula(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    rows = "\n".join(f"{phone(number)},=cmd|{number}" for number in range(2100))
    await company.upload(campaign_id, f"phone,name\n{rows}\n".encode())
    answer = await company.http.get(f"/api/campaigns/{campaign_id}/contacts.csv")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["phone"] for row in table] == [phone(number) for number in range(2100)]
    assert table[0]["status"] == "pending"
    assert all(row["name"].startswith("'=cmd") for row in table)
