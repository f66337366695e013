"""What the simulated platform keeps: calls that reached it, messages, people and what is still to be told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulator.behaviour import Variant


def iso(at: float) -> str:
    """Unix seconds as the platform writes times: UTC, milliseconds, `Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Post:
    """One `POST /messages` that reached the platform, whatever became of it; `at` is its arrival in Unix seconds."""

    seq: int
    at: float
    device: str | None
    phone: str | None
    text: str | None
    reference: str | None
    accepted: bool
    status: int | None  # None: the caller got no answer at all
    outcome: str
    message_id: str | None
    faults: list[str]


@dataclass(slots=True)
class Message:
    """A message in the platform's queue; `phone` also holds a group's or channel's id when that is the target."""

    id: str
    wa_id: str
    device: str
    phone: str
    text: str
    reference: str | None
    created_at: float
    media: dict[str, Any] | None = None
    ack: str = "queued"
    failure_reason: str | None = None


@dataclass(slots=True)
class Inbound:
    """What a person writes; `at` is set once it is written, `acked_at` once a webhook about it was answered 2xx."""

    id: str
    text: str
    stop: bool = False
    media: dict[str, Any] | None = None
    at: float | None = None
    acked_at: float | None = None
    acks: int = 0


@dataclass(slots=True)
class Event:
    """What will happen at `due` and webhooks will be told: a receipt of a message, or an inbound text."""

    id: str
    name: str
    device: str
    phone: str
    due: float
    message_id: str | None = None
    ack: str | None = None
    inbound: Inbound | None = None
    copies: int = 1
    announce: bool = True
    variant: Variant | None = None


@dataclass(slots=True)
class Person:
    """One person on one device: what they received and what they wrote (`turns` counts planned replies)."""

    device: str
    phone: str
    messages: list[Message] = field(default_factory=list)
    inbounds: list[Inbound] = field(default_factory=list)
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    name: str
    url: str
    events: list[str]
    device: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    secret: str | None = None
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """One `GET /messages` or `GET /messages/{id}`, to see who asked before sending again."""

    at: float
    reference: str | None
    device: str | None
    status: int | None
    found: int
    faults: list[str]


@dataclass(frozen=True, slots=True)
class StoredFile:
    id: str
    mime: str
    filename: str | None
    size: int
    reference: str | None = None
    url: str | None = None
