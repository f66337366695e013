"""The API's answers as the commands read them; what a later API adds is kept and shown, not refused."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """One JSON object of the API."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def as_json(self) -> dict[str, Any]:
        """The object as it came, unknown fields included."""
        return self.model_dump(mode="json")


class Channel(Answer):
    """A connected account. `webhook_url` holds the channel's secret."""

    id: UUID
    platform: str = ""
    name: str = ""
    status: str = ""
    status_reason: str | None = None
    rate_per_second: float = 1.0
    webhook_url: str | None = None


class Counts(Answer):
    """Contacts by the state of Message 1, and what followed; `held` and `opted_out` lie across the states."""

    total: int = 0
    pending: int = 0
    sending: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    suppressed: int = 0
    unknown: int = 0
    cancelled: int = 0
    replied: int = 0
    message_2_sent: int = 0
    no_reply: int = 0
    held: int = 0
    opted_out: int = 0

    @property
    def out(self) -> int:
        """Messages 1 that the platform has."""
        return self.sent + self.delivered + self.read

    @property
    def handled(self) -> int:
        """Contacts whose Message 1 is no longer to be sent."""
        return self.total - self.pending - self.sending

    @property
    def states_sum(self) -> int:
        """All states of Message 1 together; equals `total` at every instant."""
        return self.pending + self.sending + self.out + self.failed + self.suppressed + self.unknown + self.cancelled


class Campaign(Answer):
    """A campaign's page."""

    id: UUID
    name: str = ""
    status: str
    paused_reason: str | None = None
    counts: Counts = Counts()
    error_rate: float = 0.0
    delay_seconds: float = 0.0
    eta_seconds: float | None = None
    created_at: datetime | None = None

    @property
    def over(self) -> bool:
        """True when nothing will happen any more by itself."""
        return self.status in {"completed", "cancelled"}


class Commanded(Answer):
    """What start, pause, resume, cancel or retry-failed answered."""

    id: UUID
    status: str
    stopped: int | None = None
    retried: int | None = None


class ImportProblem(Answer):
    """One row that was not taken."""

    row: int
    field: str | None = None
    message: str = ""


class ImportResult(Answer):
    """What became of an upload; `errors` holds the first of them, `errors_url` all."""

    added: int
    duplicates: int
    invalid: int
    errors: list[ImportProblem] = []
    errors_url: str | None = None


class MessageState(Answer):
    """One of a contact's two messages."""

    status: str | None = None
    sent_at: datetime | None = None


class VariantResult(Answer):
    """What became of one variant of Message 1."""

    name: str
    weight: int = 1
    contacts: int = 0
    sent: int = 0
    read: int = 0
    failed: int = 0
    replied: int = 0
    message_2_sent: int = 0
    reply_rate: float | None = None
    reply_rate_low: float = 0.0
    reply_rate_high: float = 1.0


class VariantResults(Answer):
    """An A/B test: its variants and what may be said of them."""

    items: list[VariantResult] = []
    verdict: str | None = None
    winner: str | None = None


class CampaignContact(Answer):
    """One contact of a campaign; `status` is that of Message 1."""

    contact_id: UUID
    phone: str
    status: str
    message_1: MessageState | None = None
    message_2: MessageState | None = None
    replied_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
