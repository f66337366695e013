"""What a recorded fact has to tell a running workflow."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator


class SignalName(StrEnum):
    """The signals that an enrollment takes."""

    REPLY_RECEIVED = "reply_received"
    RELEASE = "release"
    STOP = "stop"


class Forgiving(BaseModel):
    """What a signal carries. Temporal drops a signal that cannot be decoded, silently: so each one can be.

    Every field is optional, for ever; one of another version's type is left at its default, and so is a payload that
    is no object at all.
    """

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_what_can_be_read(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError:
            given = value if isinstance(value, dict) else {}
        return handler({name: field for name, field in given.items() if _is_readable(handler, name, field)})


def _is_readable(handler: ModelWrapValidatorHandler[Any], name: str, field: Any) -> bool:
    try:
        handler({name: field})
    except ValidationError:
        return False
    return True


class ReplyReceived(Forgiving):
    """A reply that counts."""

    interaction_id: UUID | None = None
    received_at: datetime | None = None


class StopRequest(Forgiving):
    """Asks a workflow to end without sending anything more."""

    reason: str = "stopped"


class Signal(BaseModel):
    """One signal to one workflow. Repeating it is harmless; a workflow that has ended needs it no more."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    name: SignalName
    reply: ReplyReceived | None = None
    stop: StopRequest | None = None
