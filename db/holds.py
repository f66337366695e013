"""Held deliveries, page by page, with the signal that lets each go on."""

from typing import Any
from uuid import UUID

from sqlmodel import col, exists, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger.resolve import release
from db.tables import Delivery, Enrollment
from domain.signals import Signal
from domain.statuses import DeliveryStatus, MessageStatus

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

    `held_only` is for a probe: it leaves those of unknown outcome out, since settling one shows nothing; and those that
    another limit holds for some time come last, and not at all while somebody else could still be launched.
    """
    statuses = (DeliveryStatus.HELD,) if held_only else WAITING
    query = select(Delivery).where(col(Delivery.tenant_id) == tenant_id, col(Delivery.status).in_(statuses))
    if campaign_id is not None:
        query = query.where(col(Delivery.campaign_id) == campaign_id)
    if channel_id is not None:
        query = query.where(col(Delivery.channel_id) == channel_id)
    if after is not None:
        query = query.where(col(Delivery.id) > after)
    order: list[Any] = [col(Delivery.id)]
    if held_only:
        is_free = col(Delivery.hold_until).is_(None) | (col(Delivery.hold_until) <= func.now())
        in_line = exists().where(
            col(Enrollment.tenant_id) == tenant_id,
            col(Enrollment.campaign_id) == campaign_id,
            col(Enrollment.status) == MessageStatus.PENDING,
            col(Enrollment.launched_at).is_(None),
        )
        query = query.where(is_free | ~in_line)
        order = [is_free.desc(), *order]
    rows = (await session.exec(query.order_by(*order).limit(limit))).all()
    signals = [signal for row in rows for signal in release(row)]
    return signals, rows[-1].id if len(rows) == limit else None
