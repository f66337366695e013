"""What a platform's webhook says, in Relance's own words; this form is stored beside the raw event."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class TextFact(BaseModel):
    """A person wrote to the channel. `text` is empty for media without a caption."""

    model_config = ConfigDict(frozen=True)

    fact: Literal["text"] = "text"
    provider_message_id: str
    phone: str
    text: str
    name: str | None = None
    occurred_at: datetime | None = None
    media: dict[str, str | int | None] | None = None


class ReceiptFact(BaseModel):
    """The platform says how far an outbound message came. It is matched by any id that is given."""

    model_config = ConfigDict(frozen=True)

    fact: Literal["receipt"] = "receipt"
    provider_message_id: str | None = None
    wa_id: str | None = None
    reference: str | None = None
    status: Literal["sent", "delivered", "read", "failed"]
    reason: str | None = None
    occurred_at: datetime | None = None


Fact = Annotated[TextFact | ReceiptFact, Field(discriminator="fact")]
FACTS: TypeAdapter[list[Fact]] = TypeAdapter(list[Fact])


class IncomingEvent(BaseModel):
    """One webhook call, ready to be stored once under its dedupe key."""

    model_config = ConfigDict(frozen=True)

    channel_id: UUID
    dedupe_key: str
    event_name: str
    raw: bytes
    facts: list[Fact]
