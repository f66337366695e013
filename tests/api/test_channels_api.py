"""Channels over the API: connected, shown without their secrets, paused, resumed and reconnected."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, client, make_key_with
from tests.api.rows import set_channel, stored_channel

TOKEN = "wassenger-token-which-nobody-must-see"
DEVICE = "65f0c0ffee65f0c0ffee0001"
SECRET = "hook secret/with&signs"
SIGNING = "signing-key-hidden"

NEW_CHANNEL: dict[str, Any] = {
    "platform": "wassenger",
    "name": "Main number",
    "credentials": {"token": TOKEN, "device_id": DEVICE},
    "webhook_secret": SECRET,
}


async def connect(company: Company, **fields: Any) -> dict[str, Any]:
    answer = await company.http.post("/api/channels", json={**NEW_CHANNEL, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def address(company: Company) -> str:
    return f"/api/channels/{company.channel_id}"


async def test_connecting_a_channel_answers_its_webhook_address(company: Company) -> None:
    body = await connect(company)
    expected = f"{BASE_URL}/webhooks/wassenger/{body['id']}?secret=hook%20secret%2Fwith%26signs"
    assert body["webhook_url"] == expected
    assert (body["status"], body["rate_per_second"], body["daily_quota"], body["used_today"]) == ("active", 1, None, 0)
    assert body["breaker"] == {"state": "closed", "open_until": None}


async def test_no_answer_ever_shows_the_credentials_again(company: Company) -> None:
    made = await company.http.post("/api/channels", json={**NEW_CHANNEL, "signing_secret": SIGNING})
    place = f"/api/channels/{made.json()['id']}"
    answers = [
        made,
        await company.http.get(place),
        await company.http.get("/api/channels"),
        await company.http.patch(place, json={"credentials": {"token": TOKEN, "device_id": DEVICE}}),
        await company.http.post(f"{place}/pause"),
        await company.http.post(f"{place}/resume"),
        await company.http.post("/api/channels", json={**NEW_CHANNEL, "credentials": {"token": TOKEN}}),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, 200, 422]
    for answer in answers:
        assert not any(word in answer.text for word in (TOKEN, DEVICE, SIGNING))
    assert not any("secret=" in answer.text for answer in answers[1:])


async def test_secrets_are_stored_encrypted(company: Company, secrets: SecretBox) -> None:
    made = await connect(company, signing_secret=SIGNING)
    channel = await stored_channel(company, made["id"])
    sealed = channel.credentials + channel.webhook_secret + (channel.signing_secret or b"")
    assert not any(word.encode() in sealed for word in (TOKEN, DEVICE, SECRET, SIGNING))
    assert secrets.open_document(channel.credentials) == {"token": TOKEN, "device_id": DEVICE}
    assert secrets.open(channel.webhook_secret) == SECRET


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("platform", "telegraph"),
        ("name", ""),
        ("name", "a\0b"),
        ("name", "n" * 201),
        ("rate_per_second", 0),
        ("rate_per_second", -1),
        ("rate_per_second", 1000.5),
        ("rate_per_second", "1"),
        ("daily_quota", -1),
        ("daily_quota", 2**31),
        ("webhook_secret", ""),
        ("webhook_secret", "s" * 201),
        ("credentials", {"token": "with blank", "device_id": DEVICE}),
        ("credentials", {"token": "t" * 501, "device_id": DEVICE}),
        ("credentials", {"token": TOKEN, "device_id": DEVICE, "more": "x"}),
        ("send_window", {"start": "9:00", "end": "18:00", "time_zone": "Europe/Paris"}),
        ("send_window", {"start": "09:00", "end": "18:00", "time_zone": "Mars/Olympus"}),
        ("send_window", {"start": "09:00", "end": "18:00", "time_zone": "Europe/Paris", "days": [7]}),
        ("send_window", {"start": "09:00", "end": "18:00", "time_zone": "Europe/Paris", "days": []}),
        ("unknown_policy", "guess"),
        ("colour", "red"),
    ],
)
async def test_a_wrong_field_is_named(company: Company, field: str, value: object) -> None:
    answer = await company.http.post("/api/channels", json={**NEW_CHANNEL, field: value})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {error["field"].split(".")[0] for error in answer.json()["errors"]} == {field}


async def test_a_send_window_is_kept_as_the_gate_reads_it(company: Company, workflows: RecordingWorkflows) -> None:
    window = {"start": "09:00", "end": "18:00", "time_zone": "Europe/Paris"}
    await company.http.patch(address(company), json={"send_window": window})
    channel = await stored_channel(company, company.channel_id)
    assert channel.send_window == {**window, "days": [0, 1, 2, 3, 4, 5, 6]}
    answer = await company.http.patch(address(company), json={"send_window": None})
    assert answer.json()["send_window"] is None
    assert workflows.asked("release_channel") == [(company.tenant_id, company.channel_id)] * 2


async def test_new_credentials_reconnect_the_channel_and_release_what_it_held(
    company: Company, workflows: RecordingWorkflows, secrets: SecretBox
) -> None:
    await set_channel(company, status="credentials_expired", status_reason="401", breaker={"state": "open"})
    new = {"token": "another-token", "device_id": DEVICE}
    answer = await company.http.patch(address(company), json={"credentials": new})
    assert (answer.json()["status"], answer.json()["status_reason"]) == ("active", None)
    assert answer.json()["breaker"]["state"] == "closed"
    assert secrets.open_document((await stored_channel(company, company.channel_id)).credentials) == new
    assert workflows.asked("release_channel") == [(company.tenant_id, company.channel_id)]


async def test_new_credentials_do_not_resume_what_a_person_paused(company: Company) -> None:
    await company.http.post(f"{address(company)}/pause")
    new = {"credentials": {"token": "another", "device_id": DEVICE}}
    answer = await company.http.patch(address(company), json=new)
    assert (answer.json()["status"], answer.json()["status_reason"]) == ("paused", "Paused by an operator.")


async def test_a_new_webhook_secret_is_told_once_with_the_address(company: Company) -> None:
    changed = await company.http.patch(address(company), json={"webhook_secret": "fresh"})
    assert changed.json()["webhook_url"].endswith("?secret=fresh")
    assert (await company.http.get(address(company))).json()["webhook_url"].endswith(str(company.channel_id))


async def test_a_rename_releases_nothing_and_null_erases_no_name(
    company: Company, workflows: RecordingWorkflows
) -> None:
    assert (await company.http.patch(address(company), json={"name": "B"})).json()["name"] == "B"
    assert workflows.calls == []
    refused = await company.http.patch(address(company), json={"name": None})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "name")


async def test_pause_and_resume(company: Company, workflows: RecordingWorkflows) -> None:
    assert (await company.http.post(f"{address(company)}/pause")).json()["status"] == "paused"
    assert (await stored_channel(company, company.channel_id)).status == "paused"
    resumed = await company.http.post(f"{address(company)}/resume")
    assert (resumed.json()["status"], resumed.json()["status_reason"]) == ("active", None)
    assert workflows.asked("release_channel") == [(company.tenant_id, company.channel_id)]


async def test_a_resume_with_the_engine_away_can_be_repeated(company: Company, workflows: RecordingWorkflows) -> None:
    workflows.away = True
    answer = await company.http.post(f"{address(company)}/resume")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    workflows.away = False
    assert (await company.http.post(f"{address(company)}/resume")).status_code == 200
    assert workflows.asked("release_channel") == [(company.tenant_id, company.channel_id)]


async def test_the_list_comes_in_pages_newest_first(company: Company) -> None:
    made = [str(company.channel_id), *[(await connect(company, name=f"Channel {n}"))["id"] for n in range(4)]]
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = (await company.http.get(f"/api/channels?limit=2{cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == made[::-1]


@pytest.mark.parametrize("listing", ["channels", "contacts", "suppressions", "deliveries", "api-keys"])
async def test_an_invented_cursor_is_refused(company: Company, listing: str) -> None:
    answer = await company.http.get(f"/api/{listing}?cursor=abc")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_another_tenants_channel_does_not_exist(
    company: Company, rival: Company, workflows: RecordingWorkflows
) -> None:
    place = address(rival)
    answers: list[httpx.Response] = [
        await company.http.get(place),
        await company.http.patch(place, json={"name": "mine", "rate_per_second": 2}),
        await company.http.post(f"{place}/pause"),
        await company.http.post(f"{place}/resume"),
        await company.http.get(f"/api/channels/{uuid4()}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert workflows.calls == []


async def test_connecting_twice_under_one_idempotency_key_makes_one_channel(company: Company) -> None:
    headers = {"Idempotency-Key": "connect-1"}
    first, again = [await company.http.post("/api/channels", json=NEW_CHANNEL, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert len((await company.http.get("/api/channels")).json()["items"]) == 2


async def test_a_key_that_may_only_read_changes_no_channel(company: Company, app: FastAPI, database: Database) -> None:
    async with client(app, await make_key_with(database, company.tenant_id, "read")) as http:
        assert (await http.post("/api/channels", json=NEW_CHANNEL)).status_code == 403
        assert (await http.post(f"{address(company)}/pause")).status_code == 403
        assert (await http.get("/api/channels")).status_code == 200
