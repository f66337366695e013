"""What callers hand to a connector and what they get back, the same for every platform."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.errors import CredentialsExpired

MediaKind = Literal["image", "audio", "video", "document"]
ReceiptStatus = Literal["sent", "delivered", "read", "failed"]


class Credentials(Mapping[str, str]):
    """What opens an account (`token`, `device_id`, …): opaque to all but the connector, never printed."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = MappingProxyType(dict(values))

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._values))})"

    def require(self, key: str) -> str:
        """The value of `key`; raises CredentialsExpired when it is missing, empty or cannot go into a header."""
        value = self._values.get(key, "")
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise CredentialsExpired(f"The channel's credentials have no usable '{key}'. Save them again.")
        return value


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class OutboundMedia(_Shape):
    """One attachment, fetched by the platform from `url` (https, reachable by the platform)."""

    kind: MediaKind
    url: str
    filename: str | None = None


class OutboundMessage(_Shape):
    """One message to one person. `text` is the caption when there is `media`; `reference` is the idempotency key."""

    to_phone: str = Field(repr=False)
    """E.164 with the plus sign."""
    text: str = Field(repr=False)
    reference: str
    media: OutboundMedia | None = None


class SentMessage(_Shape):
    """A message that the platform has taken; taken is not delivered."""

    provider_message_id: str
    wa_id: str | None = None
    """WhatsApp's own id, often known only after the message was handed to WhatsApp."""
    raw_status: str
    """The platform's word for its state, as it came ("queued", "sent", "failed", …); "" when it gave none."""
    accepted_at: datetime | None = None


class ChannelHealth(_Shape):
    """Whether an account can send now; `detail` is for people, `phone` is the account's own number (E.164).

    `found` is False where the account does not have what the channel is to send from.
    """

    ok: bool
    detail: str
    phone: str | None = None
    found: bool = True


class WebhookRegistration(_Shape):
    """A webhook at the platform. `signing_secret` is its HMAC secret, if the platform gives one: store it encrypted."""

    id: str
    url: str = Field(repr=False)
    signing_secret: str | None = Field(default=None, repr=False)


class OutboundPost(_Shape):
    """One publication on an account's own page, story or channel; `reference` is the idempotency key."""

    text: str
    reference: str
    media: tuple[OutboundMedia, ...] = ()
    target: str | None = None
    """Where on the account ("status", a channel id, "reel", …); None is the platform's default."""


class PublishedPost(_Shape):
    """A publication that the platform has taken."""

    provider_post_id: str
    url: str | None = None
    raw_status: str


class Comment(_Shape):
    """One comment below a publication."""

    provider_comment_id: str
    provider_post_id: str
    author_id: str
    text: str
    created_at: datetime | None = None
    parent_id: str | None = None
    hidden: bool = False


class CommentPage(_Shape):
    """New comments, oldest first, and the cursor to ask with next time (None: keep the one you had)."""

    comments: tuple[Comment, ...]
    next_cursor: str | None = None
