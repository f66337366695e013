"""Webhook bodies in the variants that the facts page lists, as tests change them."""

import json
from typing import Any

Body = dict[str, Any]

DEVICE = "65f0c0ffee65f0c0ffee0001"
OUR_PHONE = "+34600000000"
THEIR_PHONE = "+34600111222"
QUEUE_ID = "65f0c0ffee65f0c0ffee65f0"
WA_ID = "3EB0A1B2C3D4E5F60718"
REFERENCE = "outbox-42"


def envelope(event: str, data: object, **changes: object) -> Body:
    """A whole webhook body."""
    device = {"id": DEVICE, "phone": OUR_PHONE, "alias": "Main", "plan": "pro"}
    body: Body = {"id": "evt-id", "object": "message", "event": event, "created": 1765620010, "device": device}
    return body | {"data": data} | changes


def inbound(**changes: object) -> Body:
    """`data` of an inbound text as it was captured."""
    return {
        "id": "3EB0A1B2C3",
        "type": "text",
        "flow": "inbound",
        "status": "active",
        "ack": "delivered",
        "from": "34600111222@c.us",
        "fromNumber": THEIR_PHONE,
        "to": "34600000000@c.us",
        "toNumber": OUR_PHONE,
        "date": "2025-12-13T10:00:00.000Z",
        "timestamp": 1765620000,
        "body": "hello",
        "chat": chat(),
        "events": {},
        "meta": {"isFirstMessage": False, "isForwarded": False, "isGroup": False, "notifyName": "Ana"},
        "links": {},
    } | changes


def chat(**changes: object) -> Body:
    """The chat of an inbound message between two people."""
    contact = {"wid": "34600111222@c.us", "phone": THEIR_PHONE, "name": "Ana", "displayName": "Ana B.", "metadata": []}
    plain = {"id": "34600111222@c.us", "name": "Ana", "type": "chat", "lid": None, "contact": contact}
    return plain | changes


def skills(**changes: object) -> Body:
    """`data` of an inbound text in the other documented shape."""
    message = {
        "id": "3EB0A1B2C3",
        "chat": "34600111222@c.us",
        "from": "34600111222@c.us",
        "to": "34600000000@c.us",
        "body": "hello",
        "type": "text",
        "timestamp": 1765620000,
    }
    return {"message": message | changes, "chat": chat()}


def outbound(**changes: object) -> Body:
    """`data` of an outbound event that carries a chat message: `id` is WhatsApp's."""
    ours = {"id": WA_ID, "flow": "outbound", "ack": "sent", "from": "34600000000@c.us", "fromNumber": OUR_PHONE}
    return inbound() | ours | {"to": "34600111222@c.us", "toNumber": THEIR_PHONE} | changes


def queue(**changes: object) -> Body:
    """`data` of an outbound event that carries a queue message: `id` is the one that POST /messages gave."""
    return {
        "id": QUEUE_ID,
        "phone": THEIR_PHONE,
        "message": "Hi",
        "device": DEVICE,
        "reference": REFERENCE,
        "status": "sent",
        "deliveryStatus": "pending",
        "webhookStatus": "pending",
        "createdAt": "2026-01-01T10:00:00.000Z",
    } | changes


def raw(event: str, data: object, **changes: object) -> bytes:
    """A whole webhook body as bytes."""
    return json.dumps(envelope(event, data, **changes)).encode()
