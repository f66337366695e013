"""One intended outbound act: what is asked for and what came of it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.statuses import DeliveryKind


class DeliveryRequest(BaseModel):
    """What a workflow asks to have sent: ids only, the text stays in the database."""

    model_config = ConfigDict(frozen=True)

    tenant_id: UUID
    channel_id: UUID
    contact_id: UUID
    kind: DeliveryKind
    idempotency_key: str
    campaign_id: UUID | None = None
    scheduled_at: datetime | None = None
    interaction_id: UUID | None = None
    replied_at: datetime | None = None
    """When the reply that this answers was received; only measured with."""


class ReceiptOutcome(StrEnum):
    """What the road of a send can end in."""

    SENT = "sent"
    HELD = "held"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Receipt(BaseModel):
    """What became of a delivery; `held` and `refused` are results, not errors.

    `hold_until` is None for a hold that only a `release` ends. `reply_deadline` is set for a Message 1 that is out.
    """

    model_config = ConfigDict(frozen=True)

    delivery_id: UUID
    outcome: ReceiptOutcome
    reason: str | None = None
    hold_until: datetime | None = None
    sent_at: datetime | None = None
    reply_deadline: datetime | None = None
