"""Held deliveries, page by page, with the signal that lets each go on."""

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger.resolve import release
from db.tables import Delivery
from domain.signals import Signal
from domain.statuses import DeliveryStatus

WAITING = (DeliveryStatus.HELD, DeliveryStatus.UNKNOWN)
"""What a release lets be asked again: an unknown one may be settled now that its platform can be reached."""


async def held_signals(
    session: AsyncSession,
    tenant_id: UUID,
    *,
    campaign_id: UUID | None,
    channel_id: UUID | None,
    after: UUID | None,
    limit: int,
    held_only: bool = False,
) -> tuple[list[Signal], UUID | None]:
    """The next page of a campaign's or channel's waiting deliveries, and the id to go on after (None at the end).

    `held_only` leaves those of unknown outcome out: settling one shows nothing, so it is no probe.
    """
    statuses = (DeliveryStatus.HELD,) if held_only else WAITING
    query = select(Delivery).where(col(Delivery.tenant_id) == tenant_id, col(Delivery.status).in_(statuses))
    if campaign_id is not None:
        query = query.where(col(Delivery.campaign_id) == campaign_id)
    if channel_id is not None:
        query = query.where(col(Delivery.channel_id) == channel_id)
    if after is not None:
        query = query.where(col(Delivery.id) > after)
    rows = (await session.exec(query.order_by(col(Delivery.id)).limit(limit))).all()
    signals = [signal for row in rows for signal in release(row)]
    return signals, rows[-1].id if len(rows) == limit else None
