"""People who reply, receipts, and the webhooks that tell about them."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.simulator.stage import AT_ONCE, DEVICE, KEY, QUIET, Hand, Receiver, until

EVERYBODY = {"reply_share": 1, "stop_share": 0, "delay": AT_ONCE, "texts": [{"text": "yes"}]}
FAST: dict[str, Any] = {"delay": AT_ONCE, "read_delay": AT_ONCE}
SILENT = {**FAST, "announce": False}


async def test_a_person_replies_once_and_is_told_to_the_webhook(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    await simulator.behave(people=EVERYBODY, receipts=SILENT)
    await simulator.send(text="Message 1", reference="m1")
    await until(lambda: len(receiver.bodies) == 1)
    await simulator.send(text="Message 2", reference="m2")
    [told] = receiver.bodies
    assert (told["event"], told["device"]["id"]) == ("message:in:new", DEVICE)
    assert (told["data"]["fromNumber"], told["data"]["body"]) == ("+33600000001", "yes")
    [person] = (await simulator.control("GET", "people?phone=%2B33600000001"))["items"]
    assert [each["reference"] for each in person["received"]] == ["m1", "m2"]
    [reply] = person["replies"]
    assert (reply["text"], reply["acks"], person["pending_replies"]) == ("yes", 1, 0)
    assert reply["acked_at"] >= reply["at"] >= person["received"][0]["at"]


async def test_who_replies_depends_on_seed_and_phone_alone(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    phones = [f"+336000001{index:02}" for index in range(60)]

    async def repliers(order: list[str]) -> dict[str, str]:
        await simulator.control("POST", "reset", {})
        people = {"reply_share": 0.4, "stop_share": 0.1, "delay": AT_ONCE}
        await simulator.behave(people=people, receipts=SILENT)
        for phone in order:
            await simulator.send(phone=phone)
        await simulator.summary_when(lambda counted: counted["events_planned"] == 0)
        items = (await simulator.control("GET", "people"))["items"]
        return {each["phone"]: each["replies"][0]["text"] for each in items if each["replies"]}

    forward = await repliers(phones)
    assert forward == await repliers(phones[::-1])
    assert 15 <= len(forward) <= 45
    assert 0 < list(forward.values()).count("STOP") < len(forward)


async def test_rules_decide_texts_by_person_and_by_message(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    rules = [
        {"phone": "+33600000009", "share": 0},
        {"text_contains": "offer", "texts": [{"text": "which offer?"}]},
        {"text_pattern": "^Hi .*!$", "texts": [{"text": "hi!"}]},
    ]
    await simulator.behave(people={**EVERYBODY, "rules": rules}, receipts=SILENT)
    for phone, text in (("9", "an offer"), ("1", "an offer"), ("2", "Hi Ana!"), ("3", "Good day")):
        await simulator.send(phone=f"+3360000000{phone}", text=text)
    await until(lambda: len(receiver.bodies) == 3)
    said = {body["data"]["fromNumber"]: body["data"]["body"] for body in receiver.bodies}
    assert said == {"+33600000001": "which offer?", "+33600000002": "hi!", "+33600000003": "yes"}


async def test_a_burst_is_several_texts_and_one_reply(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    burst = {"share": 1, "min_texts": 3, "max_texts": 3, "gap": AT_ONCE}
    await simulator.behave(people={**EVERYBODY, "burst": burst}, receipts=SILENT)
    await simulator.send()
    await until(lambda: receiver.texts() == ["yes"] * 3)
    assert len({body["data"]["id"] for body in receiver.bodies}) == 3
    counted = await simulator.summary()
    assert (counted["people_replied"], counted["replies_sent"]) == (1, 3)


async def test_receipts_climb_and_a_lookup_sees_the_same_state(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    receipts = {**FAST, "read_share": 1, "ack_server": True, "ack_device": True}
    await simulator.behave(people=QUIET["people"], receipts=receipts)
    sent = (await simulator.send(reference="r")).json()
    await until(lambda: len(receiver.bodies) == 6)
    assert {body["event"] for body in receiver.bodies} == {"message:out:new", "message:out:sent", "message:out:ack"}
    assert {body["data"]["ack"] for body in receiver.named("message:out:ack")} == {
        "server",
        "device",
        "delivered",
        "read",
    }
    assert receiver.named("message:out:sent")[0]["data"]["id"] == sent["id"]
    assert receiver.named("message:out:new")[0]["data"]["reference"] == "r"
    [row] = await simulator.find(reference="r")
    assert (row["status"], row["deliveryStatus"]) == ("read", "read")
    assert receiver.named("message:out:ack")[0]["data"]["id"] == row["waId"]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("reason", {"failureReason": "gone", "failureCode": "failed"}),
        ("error_text", {"error": "gone"}),
        ("error_object", {"error": {"message": "gone"}}),
    ],
)
async def test_a_failed_message_is_told_in_every_shape(
    simulator: Hand, receiver: Receiver, shape: str, told: dict[str, object]
) -> None:
    await simulator.subscribe(receiver.url)
    receipts = {**FAST, "failed_share": 1, "failure_reason": "gone"}
    await simulator.behave(people=EVERYBODY, receipts=receipts, webhooks={"failure_shape": shape})
    await simulator.send(reference="r")
    await until(lambda: len(receiver.bodies) == 1)
    data = receiver.bodies[0]["data"]
    assert receiver.bodies[0]["event"] == "message:out:failed"
    assert {name: data[name] for name in ("failureReason", "failureCode", "error") if name in data} == told
    [row] = await simulator.find(reference="r")
    assert (row["status"], row["failureReason"]) == ("failed", "gone")
    assert (await simulator.summary())["events_planned"] == 0


async def test_the_skills_variant_has_other_names_and_another_inbound_shape(
    simulator: Hand, receiver: Receiver
) -> None:
    await simulator.subscribe(receiver.url)
    await simulator.behave(people=EVERYBODY, receipts={**FAST, "read_share": 1}, webhooks={"variant": "skills"})
    await simulator.send(reference="r")
    await until(lambda: len(receiver.bodies) == 5)
    assert {body["event"] for body in receiver.bodies} == {
        "message:out:new",
        "message:out:sent",
        "message:out:delivered",
        "message:out:read",
        "message:in:new",
    }
    [inbound] = receiver.named("message:in:new")
    assert inbound["data"]["message"]["body"] == "yes"
    assert inbound["data"]["message"]["from"] == "33600000001@c.us"


async def test_the_queue_variant_acknowledges_with_the_queue_message(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    await simulator.behave(people=QUIET["people"], receipts=FAST | {"read_share": 1}, webhooks={"variant": "queue"})
    sent = (await simulator.send(reference="r")).json()
    await until(lambda: len(receiver.named("message:out:ack")) == 2)
    acks = receiver.named("message:out:ack")
    assert {(each["data"]["id"], each["data"]["deliveryStatus"]) for each in acks} == {
        (sent["id"], "delivered"),
        (sent["id"], "read"),
    }


async def test_a_webhook_with_a_secret_is_signed_over_the_raw_body(simulator: Hand, receiver: Receiver) -> None:
    await simulator.control("PATCH", "behaviour", {"webhooks": {"sign": True}})
    made = await simulator.subscribe(receiver.url, headers={"X-Mine": "kept"})
    await simulator.control("POST", "inbound", {"phone": "+33600000001", "text": "é"})
    await until(lambda: len(receiver.raw) == 1)
    expected = hmac.new(made["secret"].encode(), receiver.raw[0], hashlib.sha256).hexdigest()
    assert receiver.headers[0]["x-wassenger-signature"] == f"sha256={expected}"
    assert receiver.headers[0]["x-mine"] == "kept"


async def test_a_webhook_hears_only_its_events_and_its_device(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url, device="a" * 24)
    await simulator.subscribe(receiver.url, events=["message:out:ack"])
    await simulator.control("POST", "inbound", {"phone": "+33600000001", "text": "elsewhere"})
    await simulator.control("POST", "inbound", {"phone": "+33600000001", "text": "here", "device": "a" * 24})
    await until(lambda: len(receiver.bodies) > 0)
    assert receiver.texts() == ["here"]


async def test_a_person_written_for_by_hand_can_repeat_and_send_files(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    media = {"type": "image", "mime": "image/png", "filename": "a.png", "content_base64": "aGk="}
    order = {"phone": "+33600000001", "text": "look", "id": "3EB0FIXED", "times": 3, "media": media}
    await simulator.control("POST", "inbound", order)
    await until(lambda: len(receiver.bodies) == 3)
    assert {body["data"]["id"] for body in receiver.bodies} == {"3EB0FIXED"}
    told = receiver.bodies[0]["data"]
    assert (told["type"], told["media"]["size"]) == ("image", 2)
    got = await simulator.http.get(told["media"]["links"]["download"], headers=KEY)
    assert got.content == b"hi"
    [person] = (await simulator.control("GET", "people"))["items"]
    assert [(each["text"], each["acks"]) for each in person["replies"]] == [("look", 3)]


async def test_an_arbitrary_body_reaches_the_webhook_and_its_answer_is_told(
    simulator: Hand, receiver: Receiver
) -> None:
    made = await simulator.subscribe(receiver.url)
    receiver.status = 418
    answers = await simulator.control("POST", "webhook/raw", {"body": "not json", "headers": {"X-Odd": "1"}})
    assert answers == [{"webhook_id": made["id"], "answer": 418}]
    assert (receiver.raw, receiver.headers[0]["x-odd"]) == ([b"not json"], "1")


async def test_a_refused_webhook_is_repeated_until_it_is_taken(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)
    await simulator.control("PATCH", "behaviour", {"webhooks": {"backoff_seconds": 0.02}})
    receiver.status = 503
    await simulator.control("POST", "inbound", {"phone": "+33600000001", "text": "hello"})
    await until(lambda: len(receiver.bodies) >= 3)
    assert (await simulator.summary())["webhooks_pending"] == 1
    receiver.status = 200
    counted = await simulator.summary_when(lambda counted: counted["webhooks_pending"] == 0)
    assert (counted["webhooks_delivered"], counted["replies_acked"]) == (1, 1)
    assert len({body["id"] for body in receiver.bodies}) == 1


async def test_a_webhook_nobody_ever_takes_is_given_up(simulator: Hand) -> None:
    await simulator.subscribe("http://127.0.0.1:1/nobody")
    await simulator.control(
        "PATCH", "behaviour", {"webhooks": {"backoff_seconds": 0.02, "give_up_after_seconds": 0.05}}
    )
    await simulator.control("POST", "inbound", {"phone": "+33600000001", "text": "hello"})
    counted = await simulator.summary_when(lambda counted: counted["webhooks_given_up"] == 1)
    assert (counted["webhooks_pending"], counted["webhooks_delivered"], counted["replies_acked"]) == (0, 0, 0)


async def test_webhooks_can_be_doubled_dropped_and_reordered(simulator: Hand, receiver: Receiver) -> None:
    await simulator.subscribe(receiver.url)

    async def write(count: int) -> None:
        receiver.bodies.clear()
        for index in range(count):
            await simulator.control("POST", "inbound", {"phone": "+33600000001", "text": str(index)})

    await simulator.control("PUT", "faults", {"webhooks": {"double_share": 1, "copies": 5}})
    await write(2)
    await until(lambda: sorted(receiver.texts()) == ["0"] * 5 + ["1"] * 5)
    await simulator.control("PUT", "faults", {"webhooks": {"reorder_window_seconds": 0.3}})
    await write(20)
    await until(lambda: len(receiver.texts()) == 20)
    assert receiver.texts() != [str(index) for index in range(20)]
    await simulator.control("PUT", "faults", {"webhooks": {"drop_share": 1, "events": ["message:in:new"]}})
    await write(3)
    counted = await simulator.summary_when(lambda counted: counted["events_planned"] == 0)
    assert (receiver.bodies, counted["webhooks_pending"]) == ([], 0)


async def test_a_bad_pattern_in_behaviour_is_refused(simulator: Hand) -> None:
    before = await simulator.control("GET", "behaviour")
    body = {"people": {"rules": [{"text_pattern": "("}]}}
    for method in ("PUT", "PATCH"):
        answer = await simulator.http.request(method, "/control/behaviour", json=body)
        assert answer.status_code == 422
        assert "text_pattern" in answer.text
    assert await simulator.control("GET", "behaviour") == before
