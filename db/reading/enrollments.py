"""What is shown of a campaign's contacts, and of the rows of an upload that were not taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign, Contact, Enrollment, Import, ImportProblem
from domain.statuses import OUT, MessageStatus, Outcome


class EnrollmentFilter(StrEnum):
    """The contacts that a campaign counts under one name: the states of Message 1 and what followed it."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    HELD = "held"
    REPLIED = "replied"
    MESSAGE_2_SENT = "message_2_sent"
    NO_REPLY = "no_reply"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class EnrollmentView:
    """A contact in a campaign."""

    enrollment: Enrollment
    phone: str
    name: str | None
    variant: str | None = None
    """The name of its variant of Message 1."""


async def list_enrollments(
    session: AsyncSession, campaign_id: UUID, *, status: EnrollmentFilter | None = None, after: int | None, limit: int
) -> list[EnrollmentView]:
    """A campaign's contacts in the order in which they were imported, from behind position `after`."""
    variant = type_coerce(col(Campaign.variants), JSONB)[col(Enrollment.variant)]["name"].astext
    query = (
        select(Enrollment, Contact.phone, Contact.name, variant)
        .join(Contact, col(Contact.id) == Enrollment.contact_id)
        .join(Campaign, col(Campaign.id) == Enrollment.campaign_id)
        .where(col(Enrollment.campaign_id) == campaign_id)
        .order_by(col(Enrollment.position))
        .limit(limit)
    )
    if status is not None:
        query = query.where(counted_as(status))
    if after is not None:
        query = query.where(col(Enrollment.position) > after)
    return [EnrollmentView(*row) for row in await session.exec(query)]


def counted_as(status: EnrollmentFilter, of: Any = Enrollment) -> ColumnElement[bool]:
    """Whether an enrollment (or what has its columns) counts under this name: what is counted is what is listed."""
    beside: dict[EnrollmentFilter, ColumnElement[bool]] = {
        EnrollmentFilter.HELD: col(of.held) & (col(of.status) == MessageStatus.PENDING),
        EnrollmentFilter.REPLIED: col(of.replied_at).is_not(None),
        EnrollmentFilter.MESSAGE_2_SENT: col(of.message_2_status).in_(sorted(OUT)),
        EnrollmentFilter.NO_REPLY: col(of.outcome) == Outcome.NO_REPLY,
        EnrollmentFilter.OPTED_OUT: col(of.outcome) == Outcome.OPTED_OUT,
    }
    return beside.get(status, col(of.status) == status.value)


async def find_import(session: AsyncSession, campaign_id: UUID, import_id: UUID) -> Import | None:
    """One upload to the campaign, or None when it has had no such upload."""
    query = select(Import).where(col(Import.id) == import_id, col(Import.campaign_id) == campaign_id)
    return (await session.exec(query)).one_or_none()


async def import_problems(session: AsyncSession, import_id: UUID, *, after: int, limit: int) -> Sequence[ImportProblem]:
    """Rows of an upload that were not taken, in the file's order, from behind problem `after`."""
    query = (
        select(ImportProblem)
        .where(col(ImportProblem.import_id) == import_id, col(ImportProblem.id) > after)
        .order_by(col(ImportProblem.id))
        .limit(limit)
    )
    return (await session.exec(query)).all()
