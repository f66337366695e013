"""The ledger of sends and its append-only log."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, Identity, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, belongs, moment, text
from domain.statuses import DeliveryStatus


class Delivery(SQLModel, table=True):
    """One intended outbound act under one unique key.

    `claim_expires_at` is when the attempt that holds it has surely ended; `settle_after` when an absence at the
    platform may be believed; `attempts` counts claims, `errors` calls that went wrong; `failure_told_at` is when a
    receipt said that it failed after the platform had taken it; `used_on` is the day in whose quota it has its place.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "idempotency_key", name="deliveries_idempotency_key"),
        Index("deliveries_provider", "tenant_id", "channel_id", "provider_message_id"),
        Index("deliveries_wa", "tenant_id", "channel_id", "wa_id"),
        Index(
            "deliveries_open",
            "tenant_id",
            "status",
            "id",
            postgresql_where=sql("status IN ('held', 'unknown', 'sending')"),
        ),
        Index(
            "deliveries_waiting",
            "tenant_id",
            "status",
            "created_at",
            "id",
            postgresql_where=sql("status IN ('held', 'unknown')"),
        ),
        Index(
            "deliveries_wanted",
            "tenant_id",
            "contact_id",
            postgresql_where=sql("status IN ('held', 'queued')"),
        ),
        Index("deliveries_campaign", "campaign_id", "kind", "first_asked_at"),
        Index(
            "deliveries_failures_told",
            "campaign_id",
            "failure_told_at",
            postgresql_where=sql("failure_told_at IS NOT NULL"),
        ),
        belongs("channel_id", "channels"),
        belongs("contact_id", "contacts"),
        belongs("campaign_id", "campaigns"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    channel_id: UUID
    contact_id: UUID
    campaign_id: UUID | None = None
    kind: str
    idempotency_key: str
    body: str | None = text()
    status: str = DeliveryStatus.QUEUED
    reason: str | None = None
    limit_name: str | None = None
    hold_until: datetime | None = moment()
    claim_expires_at: datetime | None = moment()
    first_asked_at: datetime | None = moment()
    settle_after: datetime | None = moment()
    attempts: int = 0
    errors: int = 0
    counted_attempts: int = 0
    failure_told_at: datetime | None = moment()
    credit_spent: bool = False
    used_on: date | None = None
    provider_message_id: str | None = None
    wa_id: str | None = None
    scheduled_at: datetime | None = moment()
    sent_at: datetime | None = moment()
    created_at: datetime = moment(nullable=False)
    updated_at: datetime = moment(nullable=False)


class ActionLogLine(SQLModel, table=True):
    """One line of the append-only log: what, for whom, with which status and reason, when planned, when done."""

    __tablename__ = "action_log"
    __table_args__ = (
        Index("action_log_delivery", "tenant_id", "delivery_id", "id"),
        Index("action_log_contact", "tenant_id", "contact_id", "id"),
        Index(
            "action_log_campaign",
            "tenant_id",
            "campaign_id",
            "id",
            postgresql_where=sql("campaign_id IS NOT NULL"),
        ),
        belongs("delivery_id", "deliveries"),
    )

    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    tenant_id: UUID = Field(foreign_key=TENANT)
    delivery_id: UUID
    contact_id: UUID
    campaign_id: UUID | None = None
    action: str
    status: str
    reason: str | None = None
    scheduled_at: datetime | None = moment()
    executed_at: datetime = moment(nullable=False)
