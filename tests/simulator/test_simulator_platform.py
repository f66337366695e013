"""The platform's side over HTTP: what it accepts, refuses, and gives back on a look-up."""

import httpx
import pytest

from tests.simulator.stage import DEVICE, KEY, Hand


async def test_an_accepted_message_answers_201_with_the_queue_message(simulator: Hand) -> None:
    answer = await simulator.send(reference="outbox-1", text="Hi Ana")
    body = answer.json()
    assert answer.status_code == 201
    assert len(body["id"]) == 24
    assert body["waId"] is None or body["waId"].startswith("3EB0")
    assert {name: body[name] for name in ("phone", "message", "device", "reference", "status", "deliveryStatus")} == {
        "phone": "+33600000001",
        "message": "Hi Ana",
        "device": DEVICE,
        "reference": "outbox-1",
        "status": "queued",
        "deliveryStatus": "pending",
    }


async def test_a_repeated_post_makes_a_second_message(simulator: Hand) -> None:
    first, second = await simulator.send(reference="same"), await simulator.send(reference="same")
    assert first.json()["id"] != second.json()["id"]
    assert len(await simulator.find(reference="same")) == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"phone": "+33600000001", "message": "x", "type": "text"}, 400, "validation"),
        ({"message": "no target"}, 400, "validation"),
        ({"phone": "+33600000001", "group": "1@g.us", "message": "two targets"}, 400, "validation"),
        ({"phone": "0600000001", "message": "x"}, 400, "phone:invalid"),
        ({"phone": "+33600000001"}, 400, "validation"),
        ({"phone": "+33600000001", "message": "x" * 6001}, 400, "validation"),
        ({"phone": "+33600000001", "message": 5}, 400, "validation"),
        ({"phone": "+33600000001", "message": "x", "device": "short"}, 400, "device:invalid"),
        ({"phone": "+33600000001", "message": "x", "deliverAt": "2030-01-01T00:00:00Z"}, 400, "simulator:unsupported"),
        (["not an object"], 400, "body:invalid"),
    ],
)
async def test_a_bad_body_is_refused_in_the_platforms_words(
    simulator: Hand, body: object, status: int, code: str
) -> None:
    answer = await simulator.http.post("/v1/messages", json=body, headers=KEY)
    refusal = answer.json()
    assert (answer.status_code, refusal["status"], refusal["errorCode"]) == (status, status, code)
    assert refusal["message"]
    assert [post["accepted"] for post in await simulator.log()] == [False]


async def test_the_longest_text_is_accepted(simulator: Hand) -> None:
    assert (await simulator.send(text="x" * 6000)).status_code == 201


@pytest.mark.parametrize(
    "headers", [{"Token": "k"}, {"Authorization": "k"}, {"Authorization": "Bearer k"}], ids=["token", "plain", "bearer"]
)
async def test_any_key_in_any_known_header_is_accepted_until_it_is_revoked(
    simulator: Hand, headers: dict[str, str]
) -> None:
    async def status() -> int:
        return (await simulator.http.get("/v1/devices", headers=headers)).status_code

    assert await status() == 200
    await simulator.control("POST", "revoke", {"token": "k"})
    assert await status() == 401
    await simulator.control("POST", "restore", {"token": "k"})
    assert await status() == 200


async def test_without_a_key_nothing_is_accepted_but_the_attempt_is_logged(simulator: Hand) -> None:
    answer = await simulator.http.post("/v1/messages", json={"phone": "+33600000001", "message": "x"})
    assert (answer.status_code, answer.json()["status"]) == (401, 401)
    assert [(post["accepted"], post["outcome"]) for post in await simulator.log()] == [(False, "unauthorized")]


async def test_declared_devices_are_the_only_ones_and_must_be_connected(simulator: Hand) -> None:
    other, broken = "b" * 24, "c" * 24
    declared = [{"id": DEVICE}, {"id": broken, "status": "disconnected"}]
    await simulator.control("PUT", "devices", declared)
    assert (await simulator.send()).status_code == 201
    assert (await simulator.send(device=other)).json()["errorCode"] == "device:notfound"
    assert (await simulator.send(device=broken)).status_code == 503
    listed = (await simulator.http.get("/v1/devices", headers=KEY)).json()
    assert [(each["id"], each["status"]) for each in listed] == [(DEVICE, "operative"), (broken, "disconnected")]


async def test_lookups_filter_page_and_sort(simulator: Hand) -> None:
    await simulator.behave(receipts={"delay": {"min_seconds": 3600, "max_seconds": 3600}})
    for index in range(3):
        await simulator.send(phone=f"+3360000000{index}", text=f"text {index}", reference=f"ref-{index}")
    assert [row["reference"] for row in await simulator.find(reference="ref-1", device=DEVICE)] == ["ref-1"]
    assert await simulator.find(reference="ref-1", device="d" * 24) == []
    assert await simulator.find(reference="ref") == []
    assert [row["reference"] for row in await simulator.find(sort="date:asc", size="2")] == ["ref-0", "ref-1"]
    assert [row["reference"] for row in await simulator.find(sort="date:asc", size="2", page="1")] == ["ref-2"]
    assert [row["message"] for row in await simulator.find(phone="+33600000002")] == ["text 2"]
    assert [row["message"] for row in await simulator.find(search="TEXT 0")] == ["text 0"]
    assert len(await simulator.find(status="queued")) == 3
    one = (await simulator.send(reference="single")).json()
    got = await simulator.http.get(f"/v1/messages/{one['id']}", headers=KEY)
    assert (got.status_code, got.json()["reference"]) == (200, "single")
    missing = await simulator.http.get(f"/v1/messages/{'0' * 24}", headers=KEY)
    assert (missing.status_code, missing.json()["errorCode"]) == (404, "message:notfound")


async def test_webhooks_are_registered_listed_and_removed(simulator: Hand) -> None:
    made = await simulator.subscribe("http://127.0.0.1:9/hook")
    path = f"/v1/webhooks/{made['id']}"
    assert (await simulator.http.get(path, headers=KEY)).json() == made
    assert (await simulator.http.get("/v1/webhooks", headers=KEY)).json() == [made]
    assert (await simulator.http.delete(path, headers=KEY)).status_code == 204
    assert (await simulator.http.get(path, headers=KEY)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"name": "n" * 31}, {"url": "ftp://x"}, {"events": ["message:eaten"]}, {"events": []}, {"colour": "red"}],
    ids=["name", "url", "event", "no event", "unknown"],
)
async def test_a_bad_webhook_registration_is_refused(simulator: Hand, change: dict[str, object]) -> None:
    body = {"name": "n", "url": "http://127.0.0.1:9/", "events": ["message:in:new"]} | change
    answer = await simulator.http.post("/v1/webhooks", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "validation")


async def test_numbers_and_the_account_answer(simulator: Hand) -> None:
    exists = await simulator.http.post("/v1/numbers/exists", json={"phone": "+33600000001"}, headers=KEY)
    assert exists.json() == {"exists": True, "phone": "+33600000001"}
    assert (await simulator.http.get("/v1/me", headers=KEY)).status_code == 200
    bad = await simulator.http.post("/v1/numbers/exists", json={"phone": "12"}, headers=KEY)
    assert bad.json()["errorCode"] == "phone:invalid"


async def test_an_uploaded_file_can_be_downloaded_on_both_roads(simulator: Hand) -> None:
    made = await simulator.http.post("/v1/files", files={"file": ("a.txt", b"content", "text/plain")}, headers=KEY)
    file_id = made.json()[0]["id"]
    for path in (f"/v1/files/{file_id}/download", f"/v1/chat/{DEVICE}/files/{file_id}/download?token=k"):
        headers = {} if "token" in path else KEY
        got: httpx.Response = await simulator.http.get(path, headers=headers)
        assert (got.content, got.headers["content-type"]) == (b"content", "text/plain; charset=utf-8")
