"""Campaigns over HTTP: making, listing, showing and changing them."""

from typing import Any
from uuid import uuid4

import pytest

from domain.statuses import CampaignStatus
from tests.api.campaign_rows import change_row, fields
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, phone


async def test_a_new_campaign_is_a_draft_with_zero_counts_and_the_channels_pace(company: Company) -> None:
    campaign = await company.campaign()
    assert campaign["status"] == "draft"
    assert campaign["reply_window_seconds"] == 86_400
    assert campaign["delay_seconds"] == campaign["pacing"]["delay_seconds"] == 1
    assert set(campaign["counts"].values()) == {0}
    assert campaign["eta_seconds"] == campaign["error_rate"] == 0
    assert campaign["last_contact_id"] is None


async def test_what_was_asked_for_is_what_is_shown(company: Company) -> None:
    pacing = {"delay_seconds": 2, "batch_size": 10, "batch_pause_seconds": 5, "max_delay_seconds": 30}
    asked = {"message_1": "Hi {{ first_name | default('there') }}", "start_at": "2040-01-01T09:00:00+01:00"}
    campaign = await company.campaign(name="Élan", pacing=pacing, reply_window_seconds=3600.5, **asked)
    shown = (await company.http.get(f"/api/campaigns/{campaign['id']}")).json()
    assert shown == campaign
    assert shown["name"] == "Élan"
    assert shown["message_1"] == asked["message_1"]
    assert shown["reply_window_seconds"] == 3600.5
    assert shown["start_at"] == "2040-01-01T08:00:00Z"
    assert shown["pacing"] == {**pacing, "min_delay_seconds": 2}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"message_1": "Hello {{ first name }}"}, "message_1"),
        ({"message_1": "Hello {% for x in y %}{% endfor %}"}, "message_1"),
        ({"message_2": "   "}, "message_2"),
        ({"message_2": ""}, "message_2"),
        ({"message_1": "x" * 20_001}, "message_1"),
        ({"message_1": "nul \0 inside"}, "message_1"),
        ({"message_1": 5}, "message_1"),
        ({"name": " "}, "name"),
        ({"name": "nul \0"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"channel_id": str(uuid4())}, "channel_id"),
        ({"channel_id": "main"}, "channel_id"),
        ({"reply_window_seconds": 0}, "reply_window_seconds"),
        ({"reply_window_seconds": 30 * 86_400 + 1}, "reply_window_seconds"),
        ({"reply_window_seconds": "60"}, "reply_window_seconds"),
        ({"start_at": "2026-11-20T09:00:00"}, "start_at"),
        ({"start_at": "tomorrow"}, "start_at"),
        ({"start_at": 1_900_000_000}, "start_at"),
        ({"start_at": "9999-12-31T23:59:59-12:00"}, "start_at"),
        ({"pacing": {"delay_seconds": -1}}, "pacing.delay_seconds"),
        ({"pacing": {"batch_size": 0}}, "pacing.batch_size"),
        ({"pacing": {"batch_size": 1.5}}, "pacing.batch_size"),
        ({"pacing": {"delay_seconds": 5, "min_delay_seconds": 6}}, "pacing.min_delay_seconds"),
        ({"pacing": {"speed": 1}}, "pacing.speed"),
        ({"subject": "Hi"}, "subject"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_made(company: Company, change: dict[str, Any], field: str) -> None:
    body = {"name": "Autumn", "channel_id": str(company.channel_id), "message_1": "Hi", "message_2": "Thanks"}
    answer = await company.http.post("/api/campaigns", json=body | change)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert fields(answer) == [field]
    assert (await company.http.get("/api/campaigns")).json()["items"] == []


async def test_numbers_that_are_none_are_refused(company: Company) -> None:
    body = f'{{"name": "x", "channel_id": "{company.channel_id}", "message_1": "a", "message_2": "b", '
    for written in ("NaN", "Infinity", "1e999"):
        answer = await company.http.post(
            "/api/campaigns",
            content=f'{body}"reply_window_seconds": {written}}}',
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 422, written


async def test_the_list_goes_newest_first_page_by_page(company: Company) -> None:
    made = [(await company.campaign(name=f"Campaign {number}"))["id"] for number in range(5)]
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(3):
        page = (await company.http.get("/api/campaigns", params={"limit": 2, **cursor})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]
    assert page["next_cursor"] is None


async def test_search_and_status_narrow_the_list(company: Company, workflows: RecordingWorkflows) -> None:
    spring = await company.campaign(name="Spring 100%", message_1="About tulips")
    await company.campaign(name="Autumn_1", message_2="About leaves")

    async def names(**query: str) -> list[str]:
        return [item["name"] for item in (await company.http.get("/api/campaigns", params=query)).json()["items"]]

    assert await names(search="SPRING") == ["Spring 100%"]
    assert await names(search="leaves") == ["Autumn_1"]
    assert await names(search="%") == ["Spring 100%"]
    assert await names(search="_") == ["Autumn_1"]
    assert await names(status="running") == []
    await company.contacts(spring["id"], {"phone": phone(1)})
    await company.http.post(f"/api/campaigns/{spring['id']}/start")
    assert await names(status="running") == ["Spring 100%"]
    assert await names(channel_id=str(uuid4())) == []


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "not-one-of-ours"},
        {"cursor": "é"},
        {"cursor": "WzEsMl0"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"status": "asleep"},
        {"search": "nul \0"},
        {"colour": "blue"},
    ],
)
async def test_a_wrong_query_is_refused(company: Company, query: dict[str, str]) -> None:
    answer = await company.http.get("/api/campaigns", params=query)
    assert answer.status_code == 422
    assert fields(answer) == list(query)


async def test_a_query_that_says_a_thing_twice_is_refused(company: Company) -> None:
    answer = await company.http.get("/api/campaigns", params=[("search", "a"), ("search", "b")])
    assert fields(answer) == ["search"]


async def test_a_draft_can_be_changed_in_everything_but_its_channel(company: Company) -> None:
    campaign = await company.campaign()
    change = {
        "name": "Winter",
        "message_1": "Hello",
        "message_2": "Bye",
        "start_at": "2040-01-01T09:00:00Z",
        "reply_window_seconds": 60,
        "pacing": {"delay_seconds": 3},
    }
    answer = await company.http.patch(f"/api/campaigns/{campaign['id']}", json=change)
    assert answer.status_code == 200
    changed = answer.json()
    assert {name: changed[name] for name in ("name", "message_1", "message_2", "start_at", "reply_window_seconds")} == {
        name: change[name] for name in ("name", "message_1", "message_2", "start_at", "reply_window_seconds")
    }
    assert changed["delay_seconds"] == changed["pacing"]["delay_seconds"] == 3
    cleared = await company.http.patch(f"/api/campaigns/{campaign['id']}", json={"start_at": None})
    assert cleared.json()["start_at"] is None
    refused = await company.http.patch(f"/api/campaigns/{campaign['id']}", json={"channel_id": str(uuid4())})
    assert fields(refused) == ["channel_id"]


async def test_a_change_says_nothing_with_null(company: Company) -> None:
    campaign = await company.campaign()
    answer = await company.http.patch(f"/api/campaigns/{campaign['id']}", json={"name": None})
    assert answer.status_code == 422
    assert fields(answer) == ["name"]


async def test_a_new_pacing_reaches_the_live_campaign(company: Company, workflows: RecordingWorkflows) -> None:
    campaign = await company.campaign(pacing={"delay_seconds": 2, "batch_size": 10})
    await change_row(company, campaign["id"], status=CampaignStatus.RUNNING)
    answer = await company.http.patch(f"/api/campaigns/{campaign['id']}", json={"pacing": {"delay_seconds": 1}})
    assert answer.status_code == 200
    [(campaign_id, pacing)] = workflows.asked("change_pacing")
    assert str(campaign_id) == campaign["id"]
    assert (pacing.delay_seconds, pacing.batch_size) == (1, 10)


async def test_messages_of_a_started_campaign_stay_but_its_name_may_change(company: Company) -> None:
    campaign = await company.campaign()
    await change_row(company, campaign["id"], status=CampaignStatus.RUNNING)
    address = f"/api/campaigns/{campaign['id']}"
    assert (await company.http.patch(address, json={"message_1": "Hello"})).status_code == 409
    assert (await company.http.patch(address, json={"start_at": None})).status_code == 409
    assert (await company.http.patch(address, json={"name": "Renamed"})).json()["name"] == "Renamed"


async def test_a_campaign_that_is_over_takes_no_pacing(company: Company, workflows: RecordingWorkflows) -> None:
    campaign = await company.campaign()
    await change_row(company, campaign["id"], status=CampaignStatus.COMPLETED)
    answer = await company.http.patch(f"/api/campaigns/{campaign['id']}", json={"pacing": {"delay_seconds": 1}})
    assert answer.status_code == 409
    assert workflows.calls == []


async def test_the_engine_being_away_is_said_and_changes_nothing(
    company: Company, workflows: RecordingWorkflows
) -> None:
    campaign = await company.campaign()
    await change_row(company, campaign["id"], status=CampaignStatus.RUNNING)
    workflows.away = True
    answer = await company.http.patch(f"/api/campaigns/{campaign['id']}", json={"pacing": {"delay_seconds": 9}})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    workflows.away = False
    assert (await company.http.get(f"/api/campaigns/{campaign['id']}")).json()["delay_seconds"] == 1
