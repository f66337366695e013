"""Which messages a `GET /messages` asks for, and in which order and page."""

from collections.abc import Mapping
from datetime import datetime

from simulator.records import Message
from simulator.wassenger.wire import PlatformError, queue_message

_DEFAULT_SIZE = 20
_MAX_SIZE = 1000


def matches(message: Message, query: Mapping[str, str], *, loose_reference: bool) -> bool:
    """Every filter given must hold; those about kinds of message that the simulator does not make are ignored."""
    return _identity(message, query, loose_reference=loose_reference) and _state(message, query)


def _identity(message: Message, query: Mapping[str, str], *, loose_reference: bool) -> bool:
    reference = query.get("reference")
    if reference is not None:
        same = reference in (message.reference or "") if loose_reference else reference == message.reference
        if not same:
            return False
    target = query.get("phone") or query.get("group") or query.get("channel")
    if target is not None and target.strip() not in (message.phone, message.phone.removeprefix("+")):
        return False
    named = (("device", message.device), ("devices", message.device), ("ids", message.id), ("waIds", message.wa_id))
    return all(value in query[name].split(",") for name, value in named if name in query)


def _state(message: Message, query: Mapping[str, str]) -> bool:
    shown = queue_message(message)
    for name in ("status", "deliveryStatus"):
        if name in query and shown[name] not in query[name].split(","):
            return False
    if query.get("search", "").lower() not in message.text.lower():
        return False
    after, before = _time(query, "createdAfter"), _time(query, "createdBefore")
    return (after is None or message.created_at >= after) and (before is None or message.created_at <= before)


def page(messages: list[Message], query: Mapping[str, str]) -> list[Message]:
    """Newest first unless `sort=date:asc`; `page` counts from nought."""
    size = min(_MAX_SIZE, _number(query, "size", _DEFAULT_SIZE))
    start = size * _number(query, "page", 0)
    ordered = sorted(messages, key=lambda each: each.created_at, reverse=query.get("sort") != "date:asc")
    return ordered[start : start + size]


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return max(0, int(query.get(name, default)))
    except ValueError:
        raise PlatformError(400, "validation", f"{name} must be a number", name) from None


def _time(query: Mapping[str, str], name: str) -> float | None:
    if name not in query:
        return None
    try:
        return datetime.fromisoformat(query[name]).timestamp()
    except ValueError:
        raise PlatformError(400, "validation", f"{name} must be an ISO 8601 time", name) from None
