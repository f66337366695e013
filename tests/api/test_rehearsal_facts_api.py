"""What a rehearsal starts from, over the API."""

from typing import Any

import pytest
from sqlalchemy import text

from db.tables import ChannelUsage, Suppression
from tests.api.people import Company, phone
from tests.api.rows import keep, set_channel

TWO = [{"name": "A", "weight": 9, "text": "Hi"}, {"name": "B", "weight": 1, "text": "Hi {{ x }}"}]
TODAY = text("SELECT CAST(now() AT TIME ZONE 'Europe/Paris' AS date)")


async def facts(company: Company, campaign: dict[str, Any]) -> dict[str, Any]:
    answer = await company.http.get(f"/api/campaigns/{campaign['id']}/rehearsal-facts")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_facts_tell_pace_limits_and_who_waits_in_order(company: Company) -> None:
    window = {"start": "09:00", "end": "18:00", "days": [0, 1], "time_zone": "Europe/Paris"}
    await set_channel(company, daily_quota=50, send_window=window, rate_per_second=2.0)
    campaign = await company.campaign(message_1="Hi {{ first_name }}", pacing={"delay_seconds": 3, "batch_size": 7})
    await company.contacts(
        campaign["id"],
        {"phone": phone(1), "first_name": "Ana"},
        {"phone": phone(2)},
        {"phone": phone(3), "first_name": "Bo"},
    )
    await keep(company, Suppression(tenant_id=company.tenant_id, phone="+33600000003", source="manual"))
    told = await facts(company, campaign)
    assert (told["waiting"], told["delay_seconds"], told["pacing"]["batch_size"]) == (3, 3, 7)
    assert [(one["suppressed"], one["lacking"]) for one in told["contacts"]] == [
        (False, []),
        (False, ["first_name"]),
        (True, []),
    ]
    channel = told["channel"]
    assert (channel["rate_per_second"], channel["daily_quota"], channel["sharers"]) == (2.0, 50, 1)
    assert channel["send_window"]["start"] == "09:00:00"


async def test_facts_tell_the_campaigns_window_and_what_of_each_phone_tells_its_zone(company: Company) -> None:
    hours = {"start": "09:00", "end": "18:00", "zone": "contact", "message_2": True}
    campaign = await company.campaign(send_window=hours)
    await company.contacts(campaign["id"], {"phone": phone(1)}, {"phone": "+12125550123"})
    told = await facts(company, campaign)
    assert told["send_window"] | {"days": None} == {
        "start": "09:00:00",
        "end": "18:00:00",
        "days": None,
        "zone": "contact",
        "message_2": True,
    }
    assert [one["dial_prefix"] for one in told["contacts"]] == ["33", "1212"]
    assert told["channel"]["send_window"] is None


@pytest.mark.parametrize("texts", [{"message_2": "Thanks, {{ x }}"}, {"variants": TWO}])
async def test_whoever_lacks_what_any_of_the_texts_needs_is_told_as_the_start_tells_it(
    company: Company, texts: dict[str, Any]
) -> None:
    campaign = await company.campaign()
    assert (await company.http.patch(f"/api/campaigns/{campaign['id']}", json=texts)).status_code == 200
    await company.contacts(campaign["id"], {"phone": phone(1), "x": "1"}, {"phone": phone(2)}, {"phone": phone(3)})
    told = [one["lacking"] for one in (await facts(company, campaign))["contacts"]]
    assert told == [[], ["x"], ["x"]]
    refused = await company.http.post(f"/api/campaigns/{campaign['id']}/start")
    assert (refused.status_code, refused.json()["missing_variables"]["count"]) == (422, 2)


async def test_facts_hold_no_phone_no_name_and_no_text(company: Company) -> None:
    campaign = await company.campaign(message_1="Bonjour {{ first_name | default('you') }}")
    await company.contacts(campaign["id"], {"phone": phone(1), "first_name": "Anastasia"})
    body = (await company.http.get(f"/api/campaigns/{campaign['id']}/rehearsal-facts")).text
    assert not [word for word in ("Anastasia", "33600000001", "Bonjour") if word in body]


async def test_another_tenants_facts_are_not_there(company: Company, rival: Company) -> None:
    campaign = await rival.campaign()
    answer = await company.http.get(f"/api/campaigns/{campaign['id']}/rehearsal-facts")
    assert answer.status_code == 404


async def test_what_was_used_today_is_told(company: Company) -> None:
    campaign = await company.campaign()
    async with company.database.tenant(company.tenant_id) as session:
        today = (await session.execute(TODAY)).scalar_one()
    usage = {"tenant_id": company.tenant_id, "channel_id": company.channel_id, "action": "message", "day": today}
    await keep(company, ChannelUsage(**usage, used=12))
    assert (await facts(company, campaign))["channel"]["used_today"] == 12
