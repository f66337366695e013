"""Any body at all is either understood, kept, or refused by one typed error; repeats are recognised."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.wassenger.inbound import MalformedPayload, ParsedWebhook, TextReceived, parse
from tests.connectors.wassenger_payloads import WA_ID, chat, envelope, inbound, outbound, queue, raw

EVENTS = (
    "message:in:new",
    "message:out:new",
    "message:out:sent",
    "message:out:ack",
    "message:out:failed",
    "message:out:delivered",
    "message:out:read",
    "message:update",
    "channel:in",
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
FIELDS = sorted({*inbound(), *queue(), "media", "message", "waId", "error", "failureReason", "interactive", "author"})
odd_data = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), values, max_size=8)
odd_envelopes = st.fixed_dictionaries(
    {"event": st.sampled_from(EVENTS) | values, "data": odd_data | values},
    optional={"device": values, "created": values, "id": values},
)


def understood(body: bytes) -> ParsedWebhook | None:
    try:
        return parse(body)
    except MalformedPayload:
        return None


@given(st.binary())
def test_no_bytes_make_parse_fail_otherwise_than_typed(body: bytes) -> None:
    parsed = understood(body)
    assert parsed is None or len(parsed.events) == 1


@given(values)
def test_any_json_object_is_kept_and_anything_else_is_refused(body: object) -> None:
    parsed = understood(json.dumps(body).encode())
    assert (parsed is not None) == isinstance(body, dict)


@given(odd_envelopes)
def test_an_odd_event_is_never_refused_and_what_comes_of_it_can_be_stored(body: object) -> None:
    raw_body = json.dumps(body).encode()
    parsed = parse(raw_body)
    stored = parsed.model_dump_json().encode()
    assert b"\\u0000" not in stored
    assert ParsedWebhook.model_validate_json(stored) == parsed
    assert 0 < len(parsed.dedupe_key) <= 200
    assert parse(raw_body) == parsed


@given(odd_data, st.sampled_from(["from", "fromNumber", "body", "type", "meta", "media", "timestamp", "chat"]), values)
def test_one_broken_field_does_not_make_an_own_message_a_reply(
    extra: dict[str, object], field: str, odd: object
) -> None:
    data = extra | outbound() | {field: odd}
    data.pop("message", None)
    assert not any(isinstance(event, TextReceived) for event in parse(raw("message:in:new", data)).events)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b'"x"', b"1", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 10_000]
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedPayload, match="webhook's body"):
        parse(body)


def key(event: str, data: object, **changes: object) -> str:
    return parse(raw(event, data, **changes)).dedupe_key


def test_a_redelivery_has_the_key_of_the_first_delivery_whatever_else_changed() -> None:
    assert key("message:in:new", inbound()) == key("message:in:new", inbound(), id="evt-2", created=1765620099)
    assert key("message:in:new", inbound()) == key("message:in:new", inbound(ack="read"))
    assert key("message:out:ack", outbound()) == key("message:out:ack", outbound(), id="evt-2")
    assert key("message:out:ack", outbound(ack="read")) == key("message:out:ack", outbound(ack=3))


def test_keys_are_readable() -> None:
    assert key("message:out:ack", outbound(ack="read")) == f"message:out:ack|{WA_ID}|read"
    assert key("message:in:new", inbound()) == "message:in:new|3EB0A1B2C3|"


def test_different_news_have_different_keys() -> None:
    keys = [
        key("message:in:new", inbound()),
        key("message:in:new", inbound(id="3EB0A1B2C4")),
        key("message:out:new", outbound()),
        *(key("message:out:ack", outbound(ack=ack)) for ack in ("sent", "delivered", "read", -1)),
        key("message:out:sent", queue()),
        key("message:out:sent", queue(deliveryStatus="delivered")),
        key("message:out:sent", queue(status="failed")),
        key("message:out:failed", queue()),
        key("message:out:failed", queue(id=None)),
        key("message:update", inbound()),
        key("message:update", inbound(body="edited")),
        key("message:in:new", {}),
    ]
    assert len(set(keys)) == len(keys)


def test_a_very_long_id_still_gives_a_short_stable_key() -> None:
    long = inbound(id="x" * 5000)
    assert key("message:in:new", long) == key("message:in:new", long, created=1)
    assert len(key("message:in:new", long)) <= 200


def test_the_parser_needs_no_network_library() -> None:
    code = "import sys, connectors.wassenger.inbound; sys.exit('httpx' in sys.modules or 'asyncio' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert asked.returncode == 0


def test_the_payloads_of_these_tests_are_what_they_say() -> None:
    assert json.loads(raw("message:in:new", inbound())) == envelope("message:in:new", inbound(chat=chat()))
