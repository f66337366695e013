"""The bodies of webhooks, in every variant that has been seen or documented."""

import hashlib
import hmac
from typing import Any

from simulator.behaviour import Variant, Webhooks
from simulator.conditions import Device
from simulator.records import Event, Inbound, Message, iso
from simulator.wassenger.wire import queue_message

Body = dict[str, Any]

_SKILLS_NAMES = {"delivered": "message:out:delivered", "read": "message:out:read"}


def payload(event: Event, message: Message | None, device: Device, options: Webhooks) -> Body:
    """The whole body for one event; `message` is the outbound message it speaks of, None for inbound texts."""
    variant = event.variant or options.variant
    name, data = event.name, {}
    if event.inbound is not None:
        data = _inbound(event, event.inbound, device, variant)
    elif message is not None:
        name, data = _outbound(event, message, device, options, variant)
    return {
        "id": event.id,
        "object": "message",
        "event": name,
        "created": int(event.due),
        "device": {"id": device.id, "phone": device.phone, "alias": device.alias, "plan": device.plan},
        "data": data,
    }


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Wassenger-Signature`."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _inbound(event: Event, inbound: Inbound, device: Device, variant: Variant) -> Body:
    at = event.due if inbound.at is None else inbound.at
    them, us = _wid(event.phone), _wid(device.phone)
    kind = inbound.media["type"] if inbound.media else "text"
    if variant == "skills":
        core = {"id": inbound.id, "chat": them, "from": them, "to": us, "body": inbound.text, "type": kind}
        return {"message": core | {"timestamp": int(at)}, "chat": _chat(event.phone, at)}
    data = {
        "id": inbound.id,
        "type": kind,
        "flow": "inbound",
        "status": "active",
        "ack": "delivered",
        "from": them,
        "fromNumber": event.phone,
        "to": us,
        "toNumber": device.phone,
        "date": iso(at),
        "timestamp": int(at),
        "body": inbound.text,
        "chat": _chat(event.phone, at),
        "events": {},
        "meta": {"isFirstMessage": False, "isForwarded": False, "isGroup": False, "notifyName": _name(event.phone)},
        "links": {},
    }
    return data if inbound.media is None else data | {"media": inbound.media}


def _outbound(event: Event, message: Message, device: Device, options: Webhooks, variant: Variant) -> tuple[str, Body]:
    ack = event.ack or "pending"
    if ack == "failed":
        return event.name, _failed(message, options)
    if event.name == "message:out:sent" or (variant == "queue" and event.name == "message:out:ack"):
        return event.name, _as_of(message, ack)
    if variant == "skills" and ack in _SKILLS_NAMES:
        return _SKILLS_NAMES[ack], _as_of(message, ack)
    carries = event.name == "message:out:new" or options.ack_carries_reference
    return event.name, _chat_message(event, message, device, ack, message.reference if carries else None)


def _as_of(message: Message, ack: str) -> Body:
    """The queue message as it was when the event happened; a repeated webhook must not tell the future."""
    state = {"server": "sent", "device": "sent"}.get(ack, ack)
    return queue_message(message) | {"waId": message.wa_id, "status": state, "deliveryStatus": state}


def _failed(message: Message, options: Webhooks) -> Body:
    reason = message.failure_reason or "failed"
    body = queue_message(message) | {"status": "failed", "deliveryStatus": "failed"}
    body.pop("failureReason", None)
    if options.failure_shape == "reason":
        return body | {"failureReason": reason, "failureCode": "failed"}
    return body | {"error": reason if options.failure_shape == "error_text" else {"message": reason}}


def _chat_message(event: Event, message: Message, device: Device, ack: str, reference: str | None) -> Body:
    body: Body = {
        "id": message.wa_id,
        "type": message.media["type"] if message.media and "type" in message.media else "text",
        "flow": "outbound",
        "status": "active",
        "ack": ack,
        "from": _wid(device.phone),
        "fromNumber": device.phone,
        "to": _wid(message.phone),
        "toNumber": message.phone,
        "date": iso(event.due),
        "timestamp": int(event.due),
        "body": message.text,
        "chat": _chat(message.phone, event.due),
        "events": {},
        "meta": {"isGroup": message.phone.endswith("@g.us"), "source": "api"},
        "links": {},
    }
    return body if reference is None else body | {"reference": reference}


def _wid(phone: str) -> str:
    return phone if "@" in phone else f"{phone.removeprefix('+')}@c.us"


def _name(phone: str) -> str:
    return f"Person {phone[-4:]}"


def _chat(phone: str, at: float) -> Body:
    wid, name = _wid(phone), _name(phone)
    kind = "group" if wid.endswith("@g.us") else "channel" if wid.endswith("@newsletter") else "chat"
    return {
        "id": wid,
        "name": name,
        "type": kind,
        "lid": None,
        "status": "active",
        "waStatus": "active",
        "labels": [],
        "owner": {"agent": None, "department": None},
        "lastInboundMessageAt": iso(at),
        "lastOutboundMessageAt": iso(at),
        "contact": {"wid": wid, "phone": phone, "name": name, "displayName": name, "metadata": [], "campaigns": []},
    }
