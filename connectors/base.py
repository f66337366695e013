"""The shape that every platform's connector has."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.errors import UnsupportedOperation
from connectors.shapes import (
    ChannelHealth,
    CommentPage,
    Credentials,
    MediaKind,
    OutboundMessage,
    OutboundPost,
    PublishedPost,
    ReceiptStatus,
    SentMessage,
    WebhookRegistration,
)

Operation = Literal[
    "find_by_reference", "publish", "list_new_comments", "reply_comment", "refresh_token", "setup_webhook"
]


class Capabilities(BaseModel):
    """What a platform can do through its connector; whoever asks for more gets UnsupportedOperation."""

    model_config = ConfigDict(frozen=True)

    dm: bool
    """Messages to one person."""
    publish: bool = False
    comments: bool = False
    schedule_native: bool = False
    """Whether `send` can hand a later date to the platform."""
    lookup_by_reference: bool = False
    """Whether a lost answer can be settled by asking; if not, a person decides."""
    refresh_token: bool = False
    setup_webhook: bool = False
    receipts: frozenset[ReceiptStatus] = frozenset()
    media_kinds: frozenset[MediaKind] = frozenset()
    max_text_chars: int = Field(gt=0)
    max_bytes: Mapping[MediaKind, int] = Field(default_factory=dict)
    """Largest attachment in bytes; has one entry per kind in `media_kinds`."""

    @property
    def operations(self) -> frozenset[Operation]:
        """The optional operations that this platform has."""
        offered: dict[Operation, bool] = {
            "find_by_reference": self.lookup_by_reference,
            "publish": self.publish,
            "list_new_comments": self.comments,
            "reply_comment": self.comments,
            "refresh_token": self.refresh_token,
            "setup_webhook": self.setup_webhook,
        }
        return frozenset(operation for operation, has_it in offered.items() if has_it)


class PlatformConnector(ABC):
    """One platform's protocol behind one set of methods.

    A method makes its remote calls once and retries nothing: retries belong to the caller. It raises ConnectorError
    and nothing else. Inbound webhooks are no method: they are pure functions, `verify` and `parse`, in each
    platform's `inbound.py`, so that the API can take them without a client.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    @abstractmethod
    async def send(self, credentials: Credentials, message: OutboundMessage) -> SentMessage:
        """Hand one message over. OutcomeUnknown means: ask `find_by_reference` before anything else."""

    @abstractmethod
    async def check_credentials(self, credentials: Credentials) -> ChannelHealth:
        """Ask whether the account can send. A refused key raises CredentialsExpired; an idle account is `ok=False`."""

    async def find_by_reference(self, credentials: Credentials, reference: str) -> SentMessage | None:
        """The message that was sent with exactly this reference; None only if the platform surely has none."""
        raise UnsupportedOperation(self.name, "find_by_reference")

    async def publish(self, credentials: Credentials, post: OutboundPost) -> PublishedPost:
        """Publish on the account's own page. Same errors as `send`."""
        raise UnsupportedOperation(self.name, "publish")

    async def list_new_comments(
        self, credentials: Credentials, provider_post_ids: tuple[str, ...], cursor: str | None = None
    ) -> CommentPage:
        """Comments below these publications since `cursor`. Reads only."""
        raise UnsupportedOperation(self.name, "list_new_comments")

    async def reply_comment(
        self, credentials: Credentials, provider_comment_id: str, text: str, reference: str
    ) -> SentMessage:
        """Answer one comment in public. Same errors as `send`."""
        raise UnsupportedOperation(self.name, "reply_comment")

    async def refresh_token(self, credentials: Credentials) -> Credentials:
        """Fresh credentials in place of ones that are about to expire."""
        raise UnsupportedOperation(self.name, "refresh_token")

    async def setup_webhook(self, credentials: Credentials, url: str, secret: str | None = None) -> WebhookRegistration:
        """Have the platform post its events to `url`; `secret` is what `verify` will expect."""
        raise UnsupportedOperation(self.name, "setup_webhook")
