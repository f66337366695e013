"""What a recorded fact has to tell a running workflow."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class SignalName(StrEnum):
    """The signals that an enrollment takes."""

    REPLY_RECEIVED = "reply_received"
    RELEASE = "release"
    STOP = "stop"


class ReplyReceived(BaseModel):
    """A reply that counts. Every field is optional, for ever: a signal that cannot be decoded would be dropped."""

    model_config = ConfigDict(frozen=True)

    interaction_id: UUID | None = None
    received_at: datetime | None = None


class StopRequest(BaseModel):
    """Asks a workflow to end without sending anything more."""

    model_config = ConfigDict(frozen=True)

    reason: str = "stopped"


class Signal(BaseModel):
    """One signal to one workflow. Repeating it is harmless; a workflow that has ended needs it no more."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    name: SignalName
    reply: ReplyReceived | None = None
    stop: StopRequest | None = None
