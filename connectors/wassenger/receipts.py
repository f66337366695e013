"""What Wassenger's outbound events say about a message of ours."""

import re
from collections.abc import Mapping

from connectors.events import ReceiptReceived
from connectors.redaction import clean, clip
from connectors.shapes import ReceiptStatus
from connectors.wassenger.wire import moment_of, text_of

_MAX_ID_CHARS = 200
_QUEUE_ID = re.compile(r"[0-9a-f]{24}")
_WHATSAPP_ID = re.compile(r"[0-9A-F]{16,40}|3EB0[0-9A-F]+")
# A queue's message never has these; a chat's message has at least one of them.
_CHAT_MARKS = ("flow", "ack", "from")

_WORDS: dict[str, ReceiptStatus] = {
    "sent": "sent",
    "server": "sent",
    "device": "sent",
    "1": "sent",
    "delivered": "delivered",
    "received": "delivered",
    "2": "delivered",
    "read": "read",
    "played": "read",
    "3": "read",
    "4": "read",
    "failed": "failed",
    "error": "failed",
    "-1": "failed",
}
_BY_EVENT: dict[str, ReceiptStatus] = {
    "message:out:new": "sent",  # the vendor's label: "outbound message delivered to WhatsApp"
    "message:out:sent": "sent",
    "message:out:delivered": "delivered",
    "message:out:read": "read",
    "message:out:failed": "failed",
}
_RANK: dict[ReceiptStatus, int] = {"sent": 1, "delivered": 2, "read": 3, "failed": 4}


def read_receipt(name: str, message: Mapping[str, object], envelope: Mapping[str, object]) -> ReceiptReceived | None:
    """The news in a `message:out:*` event; None if it brings none (still pending) or names no message."""
    status = _status(name, message)
    provider_message_id, wa_id = _ids(message)
    reference = _id(message.get("reference"))
    if status is None or not (provider_message_id or wa_id or reference):
        return None
    return ReceiptReceived(
        provider_message_id=provider_message_id,
        wa_id=wa_id,
        reference=reference,
        status=status,
        reason=_reason(message) if status == "failed" else None,
        # `data.timestamp` and `data.date` are when the message was written; the event's own time is `created`.
        occurred_at=moment_of(envelope.get("created")) or moment_of(message.get("timestamp")),
    )


def _status(name: str, message: Mapping[str, object]) -> ReceiptStatus | None:
    """The furthest state told by the event's name and by `ack`, `deliveryStatus`, `status`, whichever are there."""
    told = [_WORDS.get(_word(message.get(key))) for key in ("ack", "deliveryStatus", "status")]
    known = [status for status in (_BY_EVENT.get(name), *told) if status is not None]
    return max(known, key=_RANK.__getitem__, default=None)


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return text_of(value).strip().lower()


def _ids(message: Mapping[str, object]) -> tuple[str | None, str | None]:
    """(queue id, WhatsApp id). `id` is the one or the other by event, and the sources disagree: shape decides.

    An id that could be either goes into both, since a receipt is matched by any of its ids.
    """
    own = _id(message.get("id"))
    wa_id = _id(message.get("waId"))
    if own is None:
        return None, wa_id
    if wa_id is None and (_is_chat_message(message) or _WHATSAPP_ID.fullmatch(own)):
        wa_id = own
    queue_id = own if own != wa_id or _QUEUE_ID.fullmatch(own) else None
    return queue_id, wa_id


def _is_chat_message(message: Mapping[str, object]) -> bool:
    return any(message.get(mark) is not None for mark in _CHAT_MARKS)


def _id(value: object) -> str | None:
    return clip(text_of(value), _MAX_ID_CHARS) or None


def _reason(message: Mapping[str, object]) -> str | None:
    error = message.get("error")
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("code")
    words = [text_of(message.get("failureReason")) or text_of(error), text_of(message.get("failureCode"))]
    return clean(" · ".join(filter(None, words))) or None
