"""What the platform refuses in the body of `POST /messages`."""

import re
from typing import Any

from simulator.conditions import Device
from simulator.wassenger.wire import PlatformError

Body = dict[str, Any]

MAX_TEXT = 6000

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_TARGETS = ("phone", "group", "channel")
_CONTENT = frozenset(
    [
        "message",
        "media",
        "poll",
        "location",
        "contacts",
        "reaction",
        "forward",
        "buttons",
        "list",
        "event",
        "product",
        "vote",
        "template",
    ]
)
_EXTRAS = frozenset(
    [
        "device",
        "reference",
        "priority",
        "live",
        "enqueue",
        "retries",
        "expiration",
        "quote",
        "order",
        "label",
        "agent",
        "typing",
        "sendReadAck",
        "actions",
        "reactionMessage",
    ]
)
# The real platform takes these; here nothing would wait for them, and pretending would be worse than refusing.
_SCHEDULE = frozenset({"deliverAt", "delay", "delayTo"})


def is_phone(value: object) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None


def target_of(body: Body) -> str | None:
    """The phone, group or channel that a body is addressed to, None when there is not exactly one."""
    named = [body[name] for name in _TARGETS if body.get(name) is not None]
    return named[0] if len(named) == 1 and isinstance(named[0], str) else None


def check_message(body: Body, devices: list[Device]) -> None:
    """Raises PlatformError (400, or 503 for a device that is not connected) with the first thing that is wrong."""
    _check_properties(body)
    _check_target(body)
    _check_content(body)
    _check_device(body.get("device"), devices)


def _check_properties(body: Body) -> None:
    for name in body:
        if name in _SCHEDULE:
            raise PlatformError(400, "simulator:unsupported", f"{name}: the simulator does not schedule messages", name)
        if name not in _CONTENT and name not in _EXTRAS and name not in _TARGETS:
            raise PlatformError(400, "validation", f"Unknown property: {name}", name)
    reference = body.get("reference")
    if reference is not None and not isinstance(reference, str):
        raise PlatformError(400, "validation", "reference must be a string", "reference")


def _check_target(body: Body) -> None:
    target = target_of(body)
    if target is None:
        raise PlatformError(400, "validation", "Exactly one of phone, group or channel is required", "phone")
    if body.get("phone") is not None and not is_phone(target):
        raise PlatformError(400, "phone:invalid", "Phone number is not valid, use E.164 with a leading +", "phone")


def _check_content(body: Body) -> None:
    if not any(body.get(name) for name in _CONTENT):
        raise PlatformError(400, "validation", "The message has no content", "message")
    text = body.get("message")
    if text is None:
        return
    if not isinstance(text, str):
        raise PlatformError(400, "validation", "message must be a string", "message")
    if len(text) > MAX_TEXT:
        raise PlatformError(400, "validation", f"message must not be longer than {MAX_TEXT} characters", "message")


def _check_device(device_id: object, devices: list[Device]) -> None:
    if device_id is not None and (not isinstance(device_id, str) or not re.fullmatch(r"[0-9a-f]{24}", device_id)):
        raise PlatformError(400, "device:invalid", "Device id is not valid", "device")
    if not devices or device_id is None:
        return
    device = next((device for device in devices if device.id == device_id), None)
    if device is None:
        raise PlatformError(400, "device:notfound", "Device not found", "device")
    if device.status not in ("operative", "ready"):
        raise PlatformError(503, "device:offline", f"Device is not connected (status {device.status})")
