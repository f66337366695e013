"""What platforms tell us by webhook, in our words: texts, receipts and things we do not know."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.shapes import ReceiptStatus

ChatKind = Literal["person", "group", "newsletter", "broadcast"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class MediaRef(_Event):
    """An inbound attachment, not fetched. Join `download_path`, the sender's word, only to the operator's base URL."""

    id: str | None = None
    kind: str
    mime: str | None = None
    size_bytes: int | None = None
    filename: str | None = None
    caption: str | None = None
    download_path: str | None = None


class TextReceived(_Event):
    """A message from somebody else. Only one with `is_direct` is a contact's reply."""

    type: Literal["text_received"] = "text_received"
    provider_message_id: str
    from_phone: str | None
    """The writer in E.164; None only where the platform hides the number (then `chat_id` is all there is)."""
    text: str
    """Body, caption, or title of the chosen button or row; "" for bare media and the like."""
    occurred_at: datetime | None = None
    chat_id: str
    chat_kind: ChatKind = "person"
    profile_name: str | None = None
    media: MediaRef | None = None
    kind: str
    """The platform's word for the sort of message: text, image, audio, list_response, …"""

    @property
    def is_group(self) -> bool:
        """Whether it was written in a group."""
        return self.chat_kind == "group"

    @property
    def is_direct(self) -> bool:
        """Whether it was written to us alone: not in a group, a newsletter or a status broadcast."""
        return self.chat_kind == "person"


class ReceiptReceived(_Event):
    """News about a message of ours; match it by any of the three ids."""

    type: Literal["receipt_received"] = "receipt_received"
    provider_message_id: str | None = None
    wa_id: str | None = None
    reference: str | None = None
    status: ReceiptStatus
    reason: str | None = None
    """Why it failed, cleaned and cut to 300 characters."""
    occurred_at: datetime | None = None


class Unrecognised(_Event):
    """An event that is kept but means nothing to us (yet)."""

    type: Literal["unrecognised"] = "unrecognised"
    event_name: str


InboundEvent = Annotated[TextReceived | ReceiptReceived | Unrecognised, Field(discriminator="type")]


class ParsedWebhook(_Event):
    """One webhook body, understood. `dedupe_key` (at most 200 characters) is equal for redeliveries of one event."""

    dedupe_key: str
    event_name: str
    device_id: str | None = None
    events: tuple[InboundEvent, ...]
