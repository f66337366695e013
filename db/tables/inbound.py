"""What platforms told us, kept as it came."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, belongs, document, moment


class InboundEvent(SQLModel, table=True):
    """One webhook call, stored once; `normalised` is a list of `domain.inbound` facts under `facts`."""

    __tablename__ = "inbound_events"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "channel_id", "dedupe_key", name="inbound_events_once"),
        Index("inbound_events_waiting", "tenant_id", "received_at", postgresql_where=sql("processed_at IS NULL")),
        belongs("channel_id", "channels", ondelete="CASCADE"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    channel_id: UUID
    dedupe_key: str
    event_name: str
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    normalised: dict[str, Any] = document()
    received_at: datetime = moment(nullable=False)
    processed_at: datetime | None = moment()
    attempts: int = 0
    problem: str | None = None
