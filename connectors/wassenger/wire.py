"""Wassenger's shapes: what its API is sent and what it answers."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.redaction import storable
from connectors.shapes import OutboundMessage, SentMessage

# Names of the vendor's own n8n node; its webhook node and trigger node agree on them.
SUBSCRIBED_EVENTS = (
    "message:in:new",
    "message:out:new",
    "message:out:sent",
    "message:out:ack",
    "message:out:failed",
)
READY_STATES = frozenset({"operative", "ready"})
WEBHOOK_NAME = "Relance"  # 30 characters at most
DELIVERY_RETRIES = 3

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000
_E164_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_PERSONAL_SERVERS = frozenset({"c.us", "s.whatsapp.net"})


def message_body(message: OutboundMessage, device_id: str) -> dict[str, object]:
    """The body of POST /messages. The validator refuses unknown fields, so nothing is sent that is not needed.

    - `device` always: without it the account's default number would speak.
    - `reference` always: it is what a lost answer is looked up by.
    - `retries` low (the vendor's default is 25): these are the vendor's attempts to pass a taken message on. With 25, a
      message for a disconnected phone may leave hours later, after a pause or a STOP; with few it fails and is seen.
      None at all would fail a message at each blink of the phone's connection.
    - `enqueue` and `live` never: their modes depend on the plan, going round the queue raises the risk of a ban
      (the vendor says so), and the queue's record is what the look-up finds.
    - `order` never: refused beside a plan whose default is not to queue, and not needed: Message 2 is an answer to a
      reply to Message 1.
    """
    body: dict[str, object] = {
        "phone": message.to_phone,
        "device": device_id,
        "reference": message.reference,
        "retries": DELIVERY_RETRIES,
    }
    if message.text:
        body["message"] = storable(message.text)
    if message.media is not None:
        media = {"url": message.media.url, "filename": message.media.filename}
        body["media"] = {key: value for key, value in media.items() if value is not None}
    return body


def sent_message(row: object) -> SentMessage | None:
    """A message object of the API (some endpoints wrap it in a list of one) as ours; None if it has no id."""
    if isinstance(row, list) and len(row) == 1:
        row = row[0]
    if not isinstance(row, Mapping):
        return None
    message_id = text_of(row.get("id"))
    if not message_id:
        return None
    return SentMessage(
        provider_message_id=message_id,
        wa_id=text_of(row.get("waId")) or None,
        raw_status=text_of(row.get("status")) or text_of(row.get("deliveryStatus")),
        accepted_at=moment_of(row.get("createdAt")),
    )


def webhook_serves(row: Mapping[str, object], url: str) -> bool:
    """Whether a registered webhook is one of ours for this URL: switched on, and with all the events that we need."""
    events = row.get("events")
    return (
        row.get("url") == url
        and bool(text_of(row.get("id")))
        and row.get("status") != "disabled"
        and isinstance(events, list)
        and all(name in events for name in SUBSCRIBED_EVENTS)
    )


def error_detail(body: object) -> tuple[str, str | None]:
    """(sentence, code) of an error body in any of the variants seen; ("", None) if there is none."""
    if not isinstance(body, Mapping):
        return "", None
    nested = body.get("error")
    sources = [body, nested] if isinstance(nested, Mapping) else [body]
    sentences = [text_of(source.get("message")) for source in sources]
    if isinstance(nested, str):
        sentences.append(nested)
    sentences.extend(_validation_sentences(body.get("errors")))
    codes = [text_of(source.get(key)) for source in sources for key in ("errorCode", "code")]
    return "; ".join(filter(None, sentences)), next(filter(None, codes), None)


def _validation_sentences(errors: object) -> list[str]:
    if not isinstance(errors, list):
        return []
    rows = [row for row in errors[:5] if isinstance(row, Mapping)]
    return [f"{text_of(row.get('path')) or 'body'}: {text_of(row.get('message'))}" for row in rows]


def text_of(value: object) -> str:
    """A string as it is, a number as text, anything else as ""."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def moment_of(value: object) -> datetime | None:
    """An ISO date, or Unix seconds or milliseconds, in UTC; None if unreadable or not of this century."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        moment = _from_number(float(value)) if isinstance(value, int | float) else _from_text(value)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment is not None and _EARLIEST <= moment < _LATEST else None


def _from_number(number: float) -> datetime:
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    return datetime.fromtimestamp(seconds, tz=UTC)


def _from_text(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) > 40:
        return None
    if value.isascii() and value.isdigit():
        return _from_number(float(value))
    moment = datetime.fromisoformat(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def phone_of(value: object) -> str | None:
    """E.164 from a phone number or a person's WhatsApp id ("34600111222@c.us"); None for groups, @lid and the like."""
    text = text_of(value).strip()
    user, at, server = text.partition("@")
    if at and server.lower() not in _PERSONAL_SERVERS:
        return None
    digits = re.sub(r"[ ().\-]", "", user.split(":")[0]).removeprefix("+")
    return f"+{digits}" if _E164_DIGITS.fullmatch(digits) else None
