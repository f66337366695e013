"""A campaign's send window over the API: said, shown, changed, refused, and reckoned with before the start."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.campaign_rows import change_row, fields
from tests.api.people import Company, phone
from tests.api.rows import set_channel

OFFICE = {"start": "09:00", "end": "18:00", "days": [0, 1, 2, 3, 4], "zone": "contact"}
MIDNIGHT = "2030-01-08T00:00:00+00:00"
"""A Tuesday; a campaign that starts then finds the same clock whenever the test runs."""


async def drafted(company: Company, *phones: str, **asked: Any) -> str:
    campaign = await company.campaign(start_at=MIDNIGHT, pacing={"delay_seconds": 3600}, **asked)
    await company.contacts(campaign["id"], *({"phone": one} for one in phones))
    campaign_id: str = campaign["id"]
    return campaign_id


async def look(company: Company, campaign_id: str) -> dict[str, Any]:
    answer = await company.http.get(f"/api/campaigns/{campaign_id}/launch-check")
    assert answer.status_code == 200, answer.text
    check: dict[str, Any] = answer.json()
    return check


async def test_a_window_is_kept_as_it_was_said_and_can_be_taken_away(company: Company) -> None:
    made = await company.campaign(send_window=OFFICE)
    assert made["send_window"] == {**OFFICE, "message_2": False}
    one = f"/api/campaigns/{made['id']}"
    changed = {"start": "22:00", "end": "06:00", "days": [4], "zone": "Europe/Paris", "message_2": True}
    assert (await company.http.patch(one, json={"send_window": changed})).json()["send_window"] == changed
    assert (await company.http.patch(one, json={"name": "Another"})).json()["send_window"] == changed
    assert (await company.http.patch(one, json={"send_window": None})).json()["send_window"] is None
    defaults = {"start": "09:00", "end": "18:00"}
    whole = (await company.http.patch(one, json={"send_window": defaults})).json()["send_window"]
    assert whole == {**defaults, "days": [0, 1, 2, 3, 4, 5, 6], "zone": "contact", "message_2": False}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"start": "9:00"}, "send_window.start"),
        ({"end": "24:00"}, "send_window.end"),
        ({"days": []}, "send_window.days"),
        ({"days": [7]}, "send_window.days.0"),
        ({"zone": "Paris"}, "send_window.zone"),
        ({"zone": ""}, "send_window.zone"),
        ({"message_2": "yes"}, "send_window.message_2"),
        ({"holidays": True}, "send_window.holidays"),
    ],
)
async def test_a_wrong_window_is_refused_naming_the_field(company: Company, wrong: dict[str, Any], field: str) -> None:
    body = {"name": "A", "channel_id": str(company.channel_id), "message_1": "Hi", "message_2": "Thanks"}
    answer = await company.http.post("/api/campaigns", json={**body, "send_window": {**OFFICE, **wrong}})
    assert (answer.status_code, fields(answer)) == (422, [field])


async def test_the_window_of_a_campaign_that_runs_stays_as_it_is(company: Company) -> None:
    made = await company.campaign(send_window=OFFICE)
    await change_row(company, made["id"], status="running")
    answer = await company.http.patch(f"/api/campaigns/{made['id']}", json={"send_window": None})
    assert answer.status_code == 409
    assert "send_window" in answer.json()["detail"]


async def test_the_launch_check_knows_how_much_time_the_window_leaves(company: Company) -> None:
    campaign_id = await drafted(company, *map(phone, range(1, 13)), send_window={**OFFICE, "zone": "Europe/Paris"})
    check = await look(company, campaign_id)
    # Twelve hours of sending, nine of them on Tuesday from 8:00Z on, three on Wednesday.
    assert check["sending_seconds"] == 12 * 3600
    assert check["opens_at"] == "2030-01-08T08:00:00Z"
    assert check["eta_seconds"] == (24 + 8 + 3) * 3600
    assert check["finishes_at"] == "2030-01-09T11:00:00Z"
    assert check["open_share"] == pytest.approx(45 / 168)


async def test_each_contact_is_reckoned_in_its_own_zone(company: Company) -> None:
    campaign_id = await drafted(company, phone(1), "+12125550123", send_window=OFFICE)
    check = await look(company, campaign_id)
    assert check["opens_at"] == "2030-01-08T08:00:00Z"
    assert check["eta_seconds"] == (14 + 1) * 3600


async def test_without_a_window_only_the_sending_counts(company: Company) -> None:
    check = await look(company, await drafted(company, phone(1), phone(2)))
    assert (check["eta_seconds"], check["sending_seconds"]) == (7200, 7200)
    assert (check["opens_at"], check["open_share"]) == (None, 1.0)


async def test_a_window_that_the_channel_never_shares_is_warned_of(company: Company) -> None:
    await set_channel(company, send_window={"start": "19:00", "end": "20:00", "time_zone": "Europe/Paris"})
    campaign_id = await drafted(company, phone(1), send_window={**OFFICE, "zone": "Europe/Paris"})
    check = await look(company, campaign_id)
    assert [warning["code"] for warning in check["warnings"]] == ["windows_never_open"]
    assert check["open_share"] == 0


async def test_a_campaign_says_when_its_window_opens(company: Company) -> None:
    opens = (datetime.now(UTC) + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    hours = {"start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}", "zone": "UTC"}
    made = await company.campaign(send_window=hours)
    await company.contacts(made["id"], {"phone": phone(1)})
    shown = (await company.http.get(f"/api/campaigns/{made['id']}")).json()
    assert datetime.fromisoformat(shown["opens_at"]) == opens
    await change_row(company, made["id"], status="cancelled")
    assert (await company.http.get(f"/api/campaigns/{made['id']}")).json()["opens_at"] is None
