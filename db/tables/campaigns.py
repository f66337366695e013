"""Campaigns, their enrollments and their imports."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, Identity, Index, SmallInteger, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, belongs, document, documents, moment, text
from domain.statuses import CampaignStatus, MessageStatus


class Campaign(SQLModel, table=True):
    """A campaign. `pacing` is a `domain.pacing.Pacing`; `delay_seconds` the delay in force, which adapts.

    `probe` is None, `wanted` (the next send is the probe), or the idempotency key of the probe that is out;
    `send_window` a `domain.campaign_window.CampaignWindow`; `variants` are `domain.variants.Variant`s of Message 1, of
    which `variants_given` contacts have one.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        Index("campaigns_listing", "tenant_id", "created_at", "id"),
        belongs("channel_id", "channels"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    channel_id: UUID = Field(index=True)
    name: str
    message_1: str = text(nullable=False)
    message_2: str = text(nullable=False)
    variants: list[dict[str, Any]] = documents()
    variants_given: int = 0
    reply_window_seconds: float
    pacing: dict[str, Any] = document()
    delay_seconds: float
    start_at: datetime | None = moment()
    send_window: dict[str, Any] | None = document(nullable=True)
    status: str = CampaignStatus.DRAFT
    paused_reason: str | None = None
    probe: str | None = None
    error_rate: float = 0.0
    created_at: datetime = moment(nullable=False)
    started_at: datetime | None = moment()
    ended_at: datetime | None = moment()


class Enrollment(SQLModel, table=True):
    """One contact in one campaign; `status` is Message 1's. Rows change state only with the ledger's transactions.

    `dial_prefix` is what of the phone tells its time zones (`domain.phone_zones`); `variant` which of the campaign's
    variants it has, counted from 0, from its launch on.
    """

    __tablename__ = "enrollments"
    __table_args__ = (
        Index("enrollments_position", "campaign_id", "position"),
        Index(
            "enrollments_counts",
            "tenant_id",
            "campaign_id",
            "status",
            "held",
            "outcome",
            "message_2_status",
            "replied_at",
        ),
        Index("enrollments_recent", "tenant_id", "campaign_id", "message_1_at"),
        Index(
            "enrollments_to_launch",
            "campaign_id",
            "position",
            postgresql_where=sql("status = 'pending' AND launched_at IS NULL"),
        ),
        Index("enrollments_open", "campaign_id", postgresql_where=sql("closed_at IS NULL")),
        Index("enrollments_contact", "tenant_id", "contact_id"),
        belongs("campaign_id", "campaigns", ondelete="CASCADE"),
        belongs("contact_id", "contacts"),
        belongs("channel_id", "channels"),
    )

    tenant_id: UUID = Field(foreign_key=TENANT, primary_key=True)
    campaign_id: UUID = Field(primary_key=True)
    contact_id: UUID = Field(primary_key=True)
    channel_id: UUID
    position: int = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))
    variables: dict[str, Any] = document()
    dial_prefix: str | None = None
    variant: int | None = Field(default=None, sa_type=SmallInteger)
    generation: int = 0
    status: str = MessageStatus.PENDING
    held: bool = False
    reason: str | None = None
    launched_at: datetime | None = moment()
    message_1_at: datetime | None = moment()
    reply_deadline: datetime | None = moment()
    replied_at: datetime | None = moment()
    message_2_status: str | None = None
    message_2_at: datetime | None = moment()
    outcome: str | None = None
    closed_at: datetime | None = moment()


class CampaignSample(SQLModel, table=True):
    """What was in force of a campaign from `at` on: a row whenever its workflow writes its state, so one a batch.

    `error_rate` is that of the messages since the row before; None where nothing was judged.
    """

    __tablename__ = "campaign_samples"
    __table_args__ = (belongs("campaign_id", "campaigns", ondelete="CASCADE"),)

    tenant_id: UUID = Field(foreign_key=TENANT, primary_key=True)
    campaign_id: UUID = Field(primary_key=True)
    at: datetime = moment(nullable=False, primary_key=True)
    status: str
    delay_seconds: float
    error_rate: float | None = None


class Import(SQLModel, table=True):
    """One upload of contacts to a campaign, with its exact counts."""

    __tablename__ = "imports"
    __table_args__ = (UniqueConstraint("tenant_id", "id"), belongs("campaign_id", "campaigns", ondelete="CASCADE"))

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    campaign_id: UUID = Field(index=True)
    added: int = 0
    duplicates: int = 0
    invalid: int = 0
    created_at: datetime = moment(nullable=False)


class ImportProblem(SQLModel, table=True):
    """One row of an upload that was not taken, and why."""

    __tablename__ = "import_problems"
    __table_args__ = (
        Index("import_problems_import", "tenant_id", "import_id", "id"),
        belongs("import_id", "imports", ondelete="CASCADE"),
    )

    id: int = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    tenant_id: UUID = Field(foreign_key=TENANT)
    import_id: UUID
    row: int
    field: str
    message: str
