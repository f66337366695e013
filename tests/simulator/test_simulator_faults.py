"""Each fault as a client meets it on a real connection, and what it leaves at the platform."""

import asyncio
import time

import httpx
import pytest

from tests.simulator.stage import KEY, Hand, until

HURRIED = httpx.Timeout(0.3)


async def _accepted(simulator: Hand) -> int:
    return int((await simulator.summary())["accepted"])


async def test_reject_answers_with_the_given_status_and_code(simulator: Hand) -> None:
    await simulator.fault("reject", status=402, error_code="quota:exceeded", message="No credit")
    answer = await simulator.send()
    assert answer.status_code == 402
    assert answer.json() == {"status": 402, "message": "No credit", "errorCode": "quota:exceeded"}
    assert await _accepted(simulator) == 0


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_error_answers_with_a_proxy_page(simulator: Hand, status: int) -> None:
    await simulator.fault("error", status=status)
    answer = await simulator.send()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert await _accepted(simulator) == 0


async def test_throttle_says_when_to_come_back(simulator: Hand) -> None:
    await simulator.fault("throttle", retry_after=17)
    answer = await simulator.send()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "17")
    assert await _accepted(simulator) == 0


async def test_delay_holds_the_call_and_then_accepts_it(simulator: Hand) -> None:
    await simulator.fault("delay", seconds=0.3)
    began = time.monotonic()
    assert (await simulator.send()).status_code == 201
    assert time.monotonic() - began >= 0.3


async def test_a_delayed_call_is_accepted_although_its_caller_has_gone(simulator: Hand) -> None:
    await simulator.fault("delay", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        await simulator.http.post(
            "/v1/messages", json={"phone": "+33600000001", "message": "x"}, headers=KEY, timeout=HURRIED
        )
    counted = await simulator.summary()
    assert (counted["accepted"], counted["calls_delayed"]) == (0, 1)
    counted = await simulator.summary_when(lambda counted: counted["accepted"] == 1)
    assert counted["calls_delayed"] == 0


@pytest.mark.parametrize(("reset", "error"), [(False, httpx.RemoteProtocolError), (True, httpx.ReadError)])
async def test_drop_before_cuts_the_connection_and_accepts_nothing(
    simulator: Hand, reset: bool, error: type[httpx.TransportError]
) -> None:
    await simulator.fault("drop_before", reset=reset)
    with pytest.raises(error):
        await simulator.send(reference="r")
    assert await _accepted(simulator) == 0
    assert [(post["outcome"], post["status"]) for post in await simulator.log()] == [("fault:drop_before", None)]


@pytest.mark.parametrize(("reset", "error"), [(False, httpx.RemoteProtocolError), (True, httpx.ReadError)])
async def test_accept_then_drop_cuts_the_connection_after_accepting(
    simulator: Hand, reset: bool, error: type[httpx.TransportError]
) -> None:
    await simulator.fault("accept_then_drop", reset=reset)
    with pytest.raises(error):
        await simulator.send(reference="r")
    assert len(await simulator.find(reference="r")) == 1


async def test_accept_then_reset_body_sends_headers_and_then_resets(simulator: Hand) -> None:
    await simulator.fault("accept_then_reset_body")
    body = {"phone": "+33600000001", "message": "x", "reference": "r"}
    async with simulator.http.stream("POST", "/v1/messages", json=body, headers=KEY) as answer:
        assert answer.status_code == 201
        with pytest.raises(httpx.ReadError):
            await answer.aread()
    assert len(await simulator.find(reference="r")) == 1


async def test_accept_then_502_answers_a_proxy_page_though_accepted(simulator: Hand) -> None:
    await simulator.fault("accept_then_502")
    answer = await simulator.send(reference="r")
    assert (answer.status_code, answer.text[:6]) == (502, "<html>")
    assert len(await simulator.find(reference="r")) == 1


async def test_accept_then_delay_is_visible_before_it_answers(simulator: Hand) -> None:
    await simulator.fault("accept_then_delay", seconds=0.5)
    sending = asyncio.create_task(simulator.send(reference="r"))
    await simulator.summary_when(lambda counted: counted["accepted"] == 1)
    assert len(await simulator.find(reference="r")) == 1
    assert not sending.done()
    assert (await sending).status_code == 201


@pytest.mark.parametrize(("kind", "accepted"), [("timeout", 1), ("not_accept_timeout", 0)])
async def test_timeouts_stay_silent_longer_than_the_caller_waits(simulator: Hand, kind: str, accepted: int) -> None:
    await simulator.fault(kind, seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await simulator.http.post(
            "/v1/messages", json={"phone": "+33600000001", "message": "x"}, headers=KEY, timeout=HURRIED
        )
    assert await _accepted(simulator) == accepted


async def test_a_silence_that_ends_cuts_the_connection(simulator: Hand) -> None:
    await simulator.fault("timeout", seconds=0.1)
    with pytest.raises(httpx.RemoteProtocolError):
        await simulator.send()


async def test_the_same_connection_pool_works_again_after_faults(simulator: Hand) -> None:
    await simulator.fault("accept_then_drop", match={"next_n": 3})
    for _ in range(3):
        with pytest.raises(httpx.RemoteProtocolError):
            await simulator.send()
    assert (await simulator.send()).status_code == 201


@pytest.mark.parametrize(
    "match",
    [
        {"phone": "+33600000001"},
        {"text_contains": "offer"},
        {"reference": "hit"},
        {"token": "special"},
        {"device": "a" * 24},
    ],
    ids=lambda match: next(iter(match)),
)
async def test_a_rule_applies_only_where_its_conditions_hold(simulator: Hand, match: dict[str, str]) -> None:
    await simulator.fault("reject", match=match)
    hit = {"phone": "+33600000001", "message": "an offer", "reference": "hit", "device": "a" * 24}
    miss = {"phone": "+33600000002", "message": "hello", "reference": "miss", "device": "b" * 24}
    first = await simulator.http.post("/v1/messages", json=hit, headers={"Token": "special"})
    second = await simulator.http.post("/v1/messages", json=miss, headers=KEY)
    assert (first.status_code, second.status_code) == (400, 201)


async def test_next_n_also_holds_for_calls_at_the_same_time(simulator: Hand) -> None:
    await simulator.fault("error", match={"next_n": 4})
    answers = await asyncio.gather(*(simulator.send(reference=f"r{index}") for index in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 6 + [500] * 4


async def test_first_attempts_lets_the_retry_of_each_message_pass(simulator: Hand) -> None:
    await simulator.fault("error", status=503, match={"first_attempts": 2})
    for reference in ("a", "b"):
        assert [(await simulator.send(reference=reference)).status_code for _ in range(3)] == [503, 503, 201]


async def test_a_share_falls_on_the_same_messages_in_any_order(simulator: Hand) -> None:
    async def refused(order: list[int]) -> set[int]:
        rule = {"id": "tenth", "kind": "error", "match": {"share": 0.3}}
        await simulator.control("PUT", "faults", {"rules": [rule]})
        return {index for index in order if (await simulator.send(reference=f"r{index}")).status_code == 500}

    forward = await refused(list(range(60)))
    assert forward == await refused(list(range(59, -1, -1)))
    assert 8 <= len(forward) <= 30


async def test_delays_add_up_with_the_rule_that_decides(simulator: Hand) -> None:
    rules = [{"kind": "delay", "seconds": 0.2}, {"kind": "reject"}]
    await simulator.control("PUT", "faults", {"rules": rules})
    began = time.monotonic()
    assert (await simulator.send()).status_code == 400
    assert time.monotonic() - began >= 0.2
    [post] = await simulator.log()
    assert len(post["faults"]) == 2


async def test_lookups_can_fail_and_lag(simulator: Hand) -> None:
    sent = await simulator.send(reference="late")
    await simulator.fault("error", on="lookup", status=503)
    failed = await simulator.http.get("/v1/messages", params={"reference": "late"}, headers=KEY)
    assert failed.status_code == 503
    await simulator.control("PUT", "faults", {"lookup": {"visible_after_seconds": 3600}})
    assert await simulator.find(reference="late") == []
    hidden = await simulator.http.get(f"/v1/messages/{sent.json()['id']}", headers=KEY)
    assert hidden.status_code == 404
    await simulator.control("PUT", "faults", {})
    assert len(await simulator.find(reference="late")) == 1
    looked = await simulator.control("GET", "lookups?reference=late")
    assert [(each["status"], each["found"]) for each in looked] == [(503, 0), (200, 0), (404, 0), (200, 1)]


async def test_a_loose_reference_also_finds_what_only_contains_it(simulator: Hand) -> None:
    await simulator.send(reference="order-1")
    await simulator.send(reference="order-10")
    await simulator.control("PUT", "faults", {"lookup": {"loose_reference": True}})
    assert {row["reference"] for row in await simulator.find(reference="order-1")} == {"order-1", "order-10"}


@pytest.mark.parametrize("mode", ["503", "html"])
async def test_while_down_every_call_gets_503(simulator: Hand, mode: str) -> None:
    await simulator.control("POST", "down", {"mode": mode})
    assert (await simulator.send()).status_code == 503
    assert (await simulator.http.get("/v1/devices", headers=KEY)).status_code == 503
    assert (await simulator.http.get("/v1/messages", headers=KEY)).status_code == 503
    health = await simulator.http.get("/healthz")
    assert (health.status_code, health.json()["down"]) == (200, True)
    await simulator.control("POST", "up", {})
    assert (await simulator.send()).status_code == 201


async def test_down_can_close_connections_and_end_by_itself(simulator: Hand) -> None:
    await simulator.control("POST", "down", {"seconds": 0.3, "mode": "close"})
    with pytest.raises(httpx.RemoteProtocolError):
        await simulator.send()
    deadline = time.monotonic() + 0.3
    await until(lambda: time.monotonic() > deadline)
    assert (await simulator.send()).status_code == 201
    assert [post["outcome"] for post in await simulator.log()] == ["down", "accepted"]


@pytest.mark.parametrize(
    "body",
    [{"rules": [{"kind": "explode"}]}, {"rules": [{"kind": "delay", "secs": 1}]}, {"weebhooks": {}}],
    ids=["kind", "field", "part"],
)
async def test_a_misspelt_fault_is_refused_and_changes_nothing(simulator: Hand, body: object) -> None:
    answer = await simulator.http.put("/control/faults", json=body)
    assert answer.status_code == 422
    assert (await simulator.control("GET", "faults"))["rules"] == []
