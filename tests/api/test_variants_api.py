"""Message 1 as an A/B test over the API (SPEC CAM-16)."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from db.running import give_variants
from tests.api.campaign_rows import change_row, fields, listed
from tests.api.people import Company, phone

TWO = [
    {"name": "Short", "weight": 50, "text": "Hi {{ first_name }}"},
    {"name": "Formal", "weight": 50, "text": "Good morning from {{ town | default('afar') }}"},
]


async def post(company: Company, **asked: Any) -> Any:
    body = {"name": "A", "channel_id": str(company.channel_id), "message_2": "Thanks", **asked}
    return await company.http.post("/api/campaigns", json=body)


async def with_test(company: Company, contacts: int = 0, **asked: Any) -> str:
    """A campaign with an A/B test."""
    answer = await post(company, **{"variants": TWO, **asked})
    assert answer.status_code == 201, answer.text
    campaign_id: str = answer.json()["id"]
    if contacts:
        await company.contacts(campaign_id, *({"phone": phone(n), "first_name": "Ana"} for n in range(contacts)))
    return campaign_id


async def give(company: Company, campaign_id: str, variants: list[dict[str, Any]] = TWO) -> None:
    """What a launch of everybody does."""
    weights = [variant["weight"] for variant in variants]
    async with company.database.tenant(company.tenant_id) as session:
        asked = {"id": UUID(campaign_id)}
        ids = (
            await session.execute(text("SELECT contact_id FROM enrollments WHERE campaign_id = :id"), asked)
        ).scalars()
        await give_variants(session, company.tenant_id, UUID(campaign_id), weights, list(ids))


async def results(company: Company, campaign_id: str) -> dict[str, Any]:
    answer = await company.http.get(f"/api/campaigns/{campaign_id}/variants")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_variants_stand_in_for_message_1(company: Company) -> None:
    made = (await post(company, variants=TWO)).json()
    assert (made["variants"], made["message_1"]) == (TWO, TWO[0]["text"])
    plain = await company.campaign()
    assert (plain["variants"], plain["message_1"]) == ([], "Hi")


async def test_they_change_only_while_it_is_a_draft_and_the_test_can_be_ended(company: Company) -> None:
    campaign_id = await with_test(company)
    one = f"/api/campaigns/{campaign_id}"
    other = [{**TWO[1], "weight": 10}, TWO[0]]
    changed = (await company.http.patch(one, json={"variants": other})).json()
    assert (changed["variants"], changed["message_1"]) == (other, TWO[1]["text"])
    refused = await company.http.patch(one, json={"message_1": "Hello"})
    assert (refused.status_code, fields(refused)) == (422, ["message_1"])
    ended = (await company.http.patch(one, json={"variants": None, "message_1": "Hello"})).json()
    assert (ended["variants"], ended["message_1"]) == ([], "Hello")
    await change_row(company, campaign_id, status="running")
    late = await company.http.patch(one, json={"variants": TWO})
    assert late.status_code == 409


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "message_1"),
        ({"message_1": None}, "message_1"),
        ({"message_1": "Hi", "variants": TWO}, "message_1"),
        ({"variants": TWO[:1]}, "variants"),
        ({"variants": []}, "variants"),
        ({"variants": [{**TWO[0], "name": str(n)} for n in range(6)]}, "variants"),
        ({"variants": [TWO[0], {**TWO[1], "name": "short "}]}, "variants"),
        ({"variants": [TWO[0], {**TWO[1], "weight": 0}]}, "variants.1.weight"),
        ({"variants": [TWO[0], {**TWO[1], "weight": 1.5}]}, "variants.1.weight"),
        ({"variants": [TWO[0], {**TWO[1], "text": "Hi {{ name"}]}, "variants.1.text"),
        ({"variants": [TWO[0], {**TWO[1], "text": ""}]}, "variants.1.text"),
        ({"variants": [TWO[0], {**TWO[1], "name": " "}]}, "variants.1.name"),
    ],
)
async def test_wrong_variants_are_refused_naming_the_field(company: Company, asked: dict[str, Any], field: str) -> None:
    answer = await post(company, **asked)
    assert (answer.status_code, fields(answer)) == (422, [field])


async def test_a_contact_must_be_fit_for_every_variant(company: Company) -> None:
    variants = [*TWO, {"name": "Town", "weight": 1, "text": "{{ town }}, {{ first_name }}"}]
    campaign_id = await with_test(company, variants=variants)
    await company.contacts(campaign_id, {"phone": phone(1), "first_name": "Ana"}, {"phone": phone(2), "town": "Lyon"})
    check = (await company.http.get(f"/api/campaigns/{campaign_id}/launch-check")).json()
    assert (check["ok"], check["missing_variables"]["count"]) == (False, 2)
    assert check["missing_variables"]["variants"] == [
        {"name": "Short", "count": 1, "variables": ["first_name"]},
        {"name": "Town", "count": 2, "variables": ["first_name", "town"]},
    ]
    start = await company.http.post(f"/api/campaigns/{campaign_id}/start")
    assert (start.status_code, fields(start)) == (422, ["variables.first_name", "variables.town"])


async def test_ten_thousand_in_three_uploads_are_split_within_one_percent(company: Company) -> None:
    variants = [{**TWO[0], "weight": 60}, {**TWO[1], "weight": 30}, {"name": "C", "weight": 10, "text": "C"}]
    campaign_id = await with_test(company, variants=variants)
    for first, last in ((0, 3333), (3333, 3340), (3340, 10_000)):
        rows = "".join(f"{phone(number)},Ana\n" for number in range(first, last))
        assert (await company.upload(campaign_id, f"phone,first_name\n{rows}".encode())).status_code == 200
        await give(company, campaign_id, variants)
    told = await results(company, campaign_id)
    assert [one["contacts"] for one in told["items"]] == [6000, 3000, 1000]
    await give(company, campaign_id, variants)
    assert [one["contacts"] for one in (await results(company, campaign_id))["items"]] == [6000, 3000, 1000]


async def test_results_are_counted_by_variant_and_a_winner_is_named_at_the_end_alone(company: Company) -> None:
    campaign_id = await with_test(company, 400)
    await give(company, campaign_id)
    async with company.database.tenant(company.tenant_id) as session:
        asked = {"id": UUID(campaign_id)}
        await session.execute(text("UPDATE enrollments SET status = 'read' WHERE campaign_id = :id"), asked)
        await session.execute(
            text("""
                UPDATE enrollments SET replied_at = now(), message_2_status = 'sent', message_2_at = now() WHERE
                campaign_id = :id AND contact_id IN (SELECT contact_id FROM enrollments WHERE campaign_id = :id
                AND variant = 0 ORDER BY position LIMIT 60)
            """),
            asked,
        )
    await change_row(company, campaign_id, status="running")
    running = await results(company, campaign_id)
    first, second = running["items"]
    counted = {"name": "Short", "contacts": 200, "sent": 200, "delivered": 200, "read": 200, "replied": 60}
    assert {name: first[name] for name in counted} == counted
    assert (first["message_2_sent"], first["reply_rate"], second["reply_rate"]) == (60, 0.3, 0.0)
    assert 0.24 < first["reply_rate_low"] < 0.3 < first["reply_rate_high"] < 0.37
    assert (running["verdict"], running["winner"]) == ("too_early", None)
    await change_row(company, campaign_id, status="completed")
    ended = await results(company, campaign_id)
    assert (ended["verdict"], ended["winner"]) == ("winner", "Short")


async def test_the_list_and_the_export_tell_the_variant(company: Company) -> None:
    campaign_id = await with_test(company, 2)
    assert [row["variant"] for row in await listed(company, campaign_id)] == [None, None]
    await give(company, campaign_id)
    assert {row["variant"] for row in await listed(company, campaign_id)} == {"Short", "Formal"}
    export = (await company.http.get(f"/api/campaigns/{campaign_id}/contacts.csv")).text.splitlines()
    assert export[0].endswith(",reason,variant")
    assert {line.rsplit(",", 1)[1] for line in export[1:]} == {"Short", "Formal"}


async def test_a_test_send_can_be_of_any_variant(company: Company) -> None:
    campaign_id = await with_test(company)
    path = f"/api/campaigns/{campaign_id}/test-send"
    asked = {"phone": phone(9), "variables": {"first_name": "Ana"}}
    assert (await company.http.post(path, json=asked)).json()["text"] == "Hi Ana"
    formal = (await company.http.post(path, json={**asked, "variant": "Formal"})).json()
    assert formal["text"] == "Good morning from afar"
    nobody = await company.http.post(path, json={**asked, "variant": "Other"})
    assert (nobody.status_code, fields(nobody)) == (422, ["variant"])


async def test_a_campaign_without_a_test_has_no_results_and_a_strangers_is_not_there(
    company: Company, rival: Company
) -> None:
    campaign_id = (await company.campaign())["id"]
    assert await results(company, campaign_id) == {"items": [], "verdict": None, "winner": None}
    assert (await rival.http.get(f"/api/campaigns/{campaign_id}/variants")).status_code == 404
