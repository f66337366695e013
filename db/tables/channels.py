"""Channels: connected accounts, their health, their limits and what was used of them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, belongs, document, moment
from domain.statuses import ChannelStatus, UnknownPolicy


class Channel(SQLModel, table=True):
    """One connected account. Secrets are stored encrypted; `breaker` is a `domain.breaker.ChannelBreaker`.

    `next_slot_at` is the earliest moment of the next send (the ledger's own hold on the rate).
    """

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("tenant_id", "id"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT, index=True)
    platform: str
    name: str
    status: str = ChannelStatus.ACTIVE
    status_reason: str | None = None
    credentials: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    webhook_secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    signing_secret: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    rate_per_second: float = 1.0
    daily_quota: int | None = None
    send_window: dict[str, Any] | None = document(nullable=True)
    unknown_policy: str = UnknownPolicy.OPERATOR
    ai_enabled: bool = True
    next_slot_at: datetime | None = moment()
    throttled_until: datetime | None = moment()
    breaker: dict[str, Any] = document()
    created_at: datetime = moment(nullable=False)
    updated_at: datetime = moment(nullable=False)


class ChannelUsage(SQLModel, table=True):
    """How many sends of one kind of action a channel made on one day of the tenant's zone."""

    __tablename__ = "channel_usage"
    __table_args__ = (belongs("channel_id", "channels", ondelete="CASCADE"),)

    tenant_id: UUID = Field(foreign_key=TENANT, primary_key=True)
    channel_id: UUID = Field(primary_key=True)
    action: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    used: int = 0
