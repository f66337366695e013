"""What is shown of deliveries that wait for something: the list, one of them, and its lines in the log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, tuple_
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
    key = tuple_(col(Delivery.created_at), col(Delivery.id))
    query = (
        select(Delivery, Contact.phone)
        .join(Contact, col(Contact.id) == Delivery.contact_id)
        .where(col(Delivery.status).in_(statuses))
        .order_by(key.desc())
        .limit(limit)
    )
    if channel_id is not None:
        query = query.where(col(Delivery.channel_id) == channel_id)
    if campaign_id is not None:
        query = query.where(col(Delivery.campaign_id) == campaign_id)
    if after is not None:
        query = query.where(key < after)
    return [DeliveryView(delivery, phone) for delivery, phone in await session.exec(query)]


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
