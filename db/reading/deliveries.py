"""What is shown of deliveries that wait for something: the list, one of them, and its lines in the log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, bindparam, func, tuple_, union_all
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import ActionLogLine, Contact, Delivery
from domain.statuses import DeliveryStatus


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery and the phone that it is for."""

    delivery: Delivery
    phone: str


async def list_deliveries(
    session: AsyncSession,
    *,
    statuses: Collection[str],
    channel_id: UUID | None = None,
    campaign_id: UUID | None = None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[DeliveryView]:
    """Deliveries in one of `statuses`, newest first; a channel or campaign of another tenant has none."""
    where = []
    if channel_id is not None:
        where.append(col(Delivery.channel_id) == channel_id)
    if campaign_id is not None:
        where.append(col(Delivery.campaign_id) == campaign_id)
    if after is not None:
        where.append(tuple_(col(Delivery.created_at), col(Delivery.id)) < after)
    newest = union_all(*(select(_newest(status, where, limit)) for status in statuses)).subquery()
    query = (
        select(Delivery, Contact.phone)
        .join(newest, newest.c.id == Delivery.id)
        .join(Contact, col(Contact.id) == Delivery.contact_id)
        .order_by(*NEWEST_FIRST)
        .limit(limit)
    )
    return [DeliveryView(delivery, phone) for delivery, phone in await session.exec(query)]


NEWEST_FIRST = (col(Delivery.created_at).desc(), col(Delivery.id).desc())


def _newest(status: str, where: Sequence[ColumnElement[bool]], limit: int) -> Subquery:
    """The newest of one status: as far as is shown, and read in the order of an index."""
    # Written into the statement: only so does PostgreSQL know that the index of the waiting ones holds them.
    of_status = col(Delivery.status) == bindparam("status", status, unique=True, literal_execute=True)
    return select(col(Delivery.id)).where(of_status, *where).order_by(*NEWEST_FIRST).limit(limit).subquery()


async def count_waiting(session: AsyncSession, channel_id: UUID, status: DeliveryStatus, *, at_most: int) -> int:
    """How many deliveries of a channel are held, unknown or under way; counted no further than `at_most`."""
    those = (col(Delivery.channel_id) == channel_id, col(Delivery.status) == status)
    some = select(col(Delivery.id)).where(*those).limit(at_most).subquery()
    return (await session.exec(select(func.count()).select_from(some))).one()


async def find_delivery(session: AsyncSession, delivery_id: UUID) -> DeliveryView | None:
    """One delivery, whatever its state, or None when the tenant has none with this id."""
    query = (
        select(Delivery, Contact.phone)
        .join(Contact, col(Contact.id) == Delivery.contact_id)
        .where(col(Delivery.id) == delivery_id)
    )
    found = (await session.exec(query)).one_or_none()
    return None if found is None else DeliveryView(*found)


async def action_log_of(session: AsyncSession, delivery_id: UUID, *, limit: int) -> list[ActionLogLine]:
    """The latest `limit` lines about one delivery, oldest first."""
    query = (
        select(ActionLogLine)
        .where(col(ActionLogLine.delivery_id) == delivery_id)
        .order_by(col(ActionLogLine.id).desc())
        .limit(limit)
    )
    return list(await session.exec(query))[::-1]
