"""Delivery receipts: how far a platform says that a message came."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger import enrollments, record
from db.ledger.attempts import IN_THE_AIR
from db.ledger.clock import clock
from db.ledger.log import log
from db.ledger.resolve import release, workflow_of
from db.tables import Delivery, Message
from domain.inbound import ReceiptFact
from domain.receipts import advance
from domain.signals import ReplyReceived, Signal, SignalName
from domain.statuses import OUT, DeliveryKind, DeliveryStatus, MessageStatus

WAITING = frozenset({DeliveryStatus.QUEUED, DeliveryStatus.HELD})
"""What has its next attempt before it."""

# The reason is the one that a text is refused with (db/replies.py); an opt-out, say, has another.
_COUNT_THE_REPLY = text("""
    WITH reply AS (
        SELECT i.id, i.received_at FROM interactions i
        JOIN enrollments e ON e.tenant_id = i.tenant_id AND e.campaign_id = i.campaign_id
                          AND e.contact_id = i.contact_id
        WHERE e.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id
          AND e.closed_at IS NULL AND e.replied_at IS NULL AND e.message_2_status IS NULL
          AND NOT i.counted AND i.reason = 'Message 1 is failed'
          AND i.received_at BETWEEN e.message_1_at AND e.reply_deadline
        ORDER BY i.received_at LIMIT 1
    ), answered AS (
        UPDATE enrollments e SET replied_at = reply.received_at FROM reply
        WHERE e.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id
    )
    UPDATE interactions i SET counted = true, reason = NULL FROM reply WHERE i.id = reply.id
    RETURNING i.id, i.received_at
""")


async def apply_receipt(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, receipt: ReceiptFact, at: datetime
) -> list[Signal] | None:
    """Moves the message that a receipt names, never backwards; None when no message of ours is known by its ids."""
    delivery = await _find(session, tenant_id, channel_id, receipt)
    if delivery is None:
        return None
    signals = await _learn(session, delivery, receipt, at)
    if delivery.status != DeliveryStatus.SENT:
        return signals
    await _advance_message(session, delivery, receipt)
    moved = await enrollments.advance_message(session, delivery, receipt.status, receipt.reason)
    if moved is not None:
        log(session, delivery, moved, receipt.reason, receipt.occurred_at or at)
    if moved in OUT and delivery.kind == DeliveryKind.MESSAGE_1:
        signals += await _count_the_reply(session, delivery)
    return signals


async def _find(session: AsyncSession, tenant_id: UUID, channel_id: UUID, receipt: ReceiptFact) -> Delivery | None:
    named = [
        column == value
        for column, value in (
            (col(Delivery.provider_message_id), receipt.provider_message_id),
            (col(Delivery.wa_id), receipt.wa_id),
            (col(Delivery.wa_id), receipt.provider_message_id),
            (col(Delivery.idempotency_key), receipt.reference),
        )
        if value
    ]
    if not named:
        return None
    found = select(Delivery).where(
        col(Delivery.tenant_id) == tenant_id, col(Delivery.channel_id) == channel_id, or_(*named)
    )
    return (await session.exec(found.limit(1).with_for_update())).first()


async def _learn(session: AsyncSession, delivery: Delivery, receipt: ReceiptFact, at: datetime) -> list[Signal]:
    """A receipt may bring the ids, and it proves that the platform took the message, also when it failed later."""
    delivery.wa_id = delivery.wa_id or receipt.wa_id
    was = delivery.status
    # One that was asked of the platform and is to be asked again was thought not to be there: the receipt knows better.
    if was in IN_THE_AIR or (was in WAITING and delivery.attempts > 0):
        sent_at = record.plausible(delivery, receipt.occurred_at or at, await clock(session))
        await record.sent(session, delivery, None, None, sent_at)
        return [] if was == DeliveryStatus.SENDING else release(delivery)
    await session.flush()
    return []


async def _advance_message(session: AsyncSession, delivery: Delivery, receipt: ReceiptFact) -> None:
    of_delivery = (col(Message.tenant_id) == delivery.tenant_id) & (col(Message.delivery_id) == delivery.id)
    current = (await session.exec(select(Message.status).where(of_delivery).with_for_update())).one_or_none()
    if current is None or (moved := advance(current, receipt.status)) == current:
        return
    await session.execute(update(Message).where(of_delivery).values(status=moved))
    if MessageStatus.FAILED in (current, moved):
        delivery.failure_told_at = await clock(session) if moved == MessageStatus.FAILED else None
        await session.flush()


async def _count_the_reply(session: AsyncSession, delivery: Delivery) -> list[Signal]:
    """A text that came while Message 1 passed for failed counts once it turns out to have arrived."""
    named = delivery.model_dump(include={"tenant_id", "campaign_id", "contact_id"})
    return [
        Signal(
            workflow_id=workflow_of(delivery),
            name=SignalName.REPLY_RECEIVED,
            reply=ReplyReceived(interaction_id=row.id, received_at=row.received_at),
        )
        for row in await session.execute(_COUNT_THE_REPLY, named)
    ]
