"""Wassenger's webhooks: is it really from Wassenger, and what does it say. Pure: no clock, no network, no client."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from connectors.errors import MalformedPayload
from connectors.events import (
    InboundEvent,
    MediaRef,
    ParsedWebhook,
    ReceiptReceived,
    TextReceived,
    Unrecognised,
)
from connectors.redaction import clip, storable
from connectors.wassenger.receipts import read_receipt
from connectors.wassenger.texts import is_from_us, read_text
from connectors.wassenger.wire import text_of

__all__ = [
    "OUR_HEADER",
    "SIGNATURE_HEADER",
    "InboundEvent",
    "MalformedPayload",
    "MediaRef",
    "ParsedWebhook",
    "ReceiptReceived",
    "TextReceived",
    "Unrecognised",
    "parse",
    "secret_from_query",
    "verify",
]

OUR_HEADER = "x-relance-secret"
SIGNATURE_HEADER = "x-wassenger-signature"
_TEXT_EVENTS = frozenset({"message:in:new", "channel:in"})
_RECEIPT_PREFIX = "message:out:"
_MAX_KEY_CHARS = 200
_MAX_NAME_CHARS = 100


def secret_from_query(params: Mapping[str, str]) -> str | None:
    """The shared secret of a webhook URL: `?secret=`, or `?token=` as some of the vendor's own examples have it."""
    return params.get("secret") or params.get("token")


def verify(
    raw_body: bytes,
    headers: Mapping[str, str],
    query_secret: str | None,
    expected_secret: str,
    hmac_secret: str | None = None,
) -> bool:
    """Whether the sender knows the channel's secret (query or X-Relance-Secret), compared in constant time.

    Where a signature header came and an HMAC secret is stored, the signature must be right as well. A missing signature
    is accepted: the sources disagree on whether Wassenger signs at all. An empty `expected_secret` lets nobody in.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    given = (query_secret, lowered.get(OUR_HEADER))
    knows_it = [_same(candidate, expected_secret) for candidate in given if candidate is not None]
    if not expected_secret or not any(knows_it):
        return False
    signature = lowered.get(SIGNATURE_HEADER)
    if signature is None or not hmac_secret:
        return True
    return _same(signature.strip().lower(), f"sha256={_mac(hmac_secret, raw_body)}")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def _mac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).hexdigest()


def parse(raw_body: bytes) -> ParsedWebhook:
    """What a webhook body says. Raises MalformedPayload if it is no JSON object, and nothing else.

    An object that makes no sense to us becomes one Unrecognised event, so that it can be stored and looked at.
    """
    envelope = _envelope(raw_body)
    name = clip(text_of(envelope.get("event")), _MAX_NAME_CHARS)
    data = envelope.get("data")
    event = _event(name, envelope, data, raw_body) if isinstance(data, Mapping) else None
    return ParsedWebhook(
        dedupe_key=_dedupe_key(name, event, data, raw_body),
        event_name=name,
        device_id=_device_id(envelope, data),
        events=(event or Unrecognised(event_name=name),),
    )


def _envelope(raw_body: bytes) -> Mapping[str, object]:
    try:
        found: object = json.loads(raw_body)
    except (ValueError, RecursionError):
        raise MalformedPayload("The webhook's body is not JSON.") from None
    if not isinstance(found, dict):
        raise MalformedPayload(f"The webhook's body is a JSON {type(found).__name__}, not an object.")
    return found


def _event(
    name: str, envelope: Mapping[str, object], data: Mapping[str, object], raw_body: bytes
) -> TextReceived | ReceiptReceived | None:
    message = _message(data)
    if name.startswith(_RECEIPT_PREFIX):
        return read_receipt(name, message, envelope)
    if name not in _TEXT_EVENTS:
        return None
    if is_from_us(message, envelope):
        # What we (or a person on the linked phone) wrote comes back as an echo: news about our message, never a reply.
        return read_receipt("message:out:new", message, envelope)
    return read_text(message, envelope, spare_id=f"sha256:{hashlib.sha256(raw_body).hexdigest()[:32]}")


def _message(data: Mapping[str, object]) -> Mapping[str, object]:
    """The message itself: `data` as captured, or `data.message` beside `data.chat` as the vendor's skills have it."""
    nested = data.get("message")
    if not isinstance(nested, Mapping):
        return data
    outer = {key: value for key, value in data.items() if key != "message"}
    inner = {key: value for key, value in nested.items() if key != "chat" or not isinstance(outer.get("chat"), Mapping)}
    return {**outer, **inner}


def _dedupe_key(name: str, event: TextReceived | ReceiptReceived | None, data: object, raw_body: bytes) -> str:
    """Equal for redeliveries: (event, id, status) of what we understand, else a hash of the body.

    The status, in our words, tells receipts of one message apart: no raw field does, since several may hold it. An
    inbound message is one whatever its ack is by the time of a redelivery. What we do not understand (edits, votes)
    may change under one id, so only its bytes speak for it.
    """
    message = _message(data) if isinstance(data, Mapping) else {}
    own_id = text_of(message.get("id"))
    if event is None or not own_id:
        return f"sha256:{hashlib.sha256(raw_body).hexdigest()}"
    status = event.status if isinstance(event, ReceiptReceived) else ""
    key = storable(f"{name}|{own_id}|{status}")
    if len(key) <= _MAX_KEY_CHARS:
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _device_id(envelope: Mapping[str, object], data: object) -> str | None:
    for holder in (envelope, data):
        device = holder.get("device") if isinstance(holder, Mapping) else None
        found = text_of(device.get("id")) if isinstance(device, Mapping) else text_of(device)
        if found:
            return clip(found, _MAX_NAME_CHARS)
    return None
