"""What a delivery's outcome means for the contact's enrollment."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Delivery, Enrollment, Interaction
from domain import ids
from domain.receipts import advance
from domain.statuses import IN_FLIGHT, DeliveryKind, MessageStatus, Outcome


def _row(delivery: Delivery) -> Any:
    return (
        (col(Enrollment.tenant_id) == delivery.tenant_id)
        & (col(Enrollment.campaign_id) == delivery.campaign_id)
        & (col(Enrollment.contact_id) == delivery.contact_id)
    )


async def _change(session: AsyncSession, delivery: Delivery, **values: Any) -> None:
    await session.execute(update(Enrollment).where(_row(delivery)).values(**values))


async def reply_deadline(session: AsyncSession, delivery: Delivery) -> datetime | None:
    """Until when a reply to this Message 1 counts; None for other kinds."""
    if delivery.kind != DeliveryKind.MESSAGE_1:
        return None
    return (await session.exec(select(Enrollment.reply_deadline).where(_row(delivery)))).one_or_none()


async def set_message(session: AsyncSession, delivery: Delivery, status: MessageStatus, *, held: bool = False) -> None:
    """The message is held, being sent, or of unknown outcome."""
    if delivery.kind == DeliveryKind.MESSAGE_1:
        reason = delivery.reason if held or status == MessageStatus.UNKNOWN else None
        await _change(session, delivery, status=status, held=held, reason=reason)
    elif delivery.kind == DeliveryKind.MESSAGE_2:
        # A reply may have been told by hand, with a signal and no message: it counts from here on.
        replied_at = func.coalesce(col(Enrollment.replied_at), func.now())
        await _change(session, delivery, message_2_status=status, replied_at=replied_at, reason=delivery.reason)


async def message_is_out(session: AsyncSession, delivery: Delivery, at: datetime) -> None:
    """Message 1 opens the reply window; Message 2 ends the enrollment."""
    if delivery.kind == DeliveryKind.MESSAGE_1:
        await session.execute(
            text("""
                UPDATE enrollments e SET status = 'sent', held = false, reason = NULL, message_1_at = :at,
                       reply_deadline = CAST(:at AS timestamptz) + make_interval(secs => c.reply_window_seconds)
                FROM campaigns c
                WHERE c.tenant_id = e.tenant_id AND c.id = e.campaign_id AND e.tenant_id = :tenant_id
                  AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id
                  AND e.status NOT IN ('delivered', 'read')
            """),
            {"at": at, **delivery.model_dump(include={"tenant_id", "campaign_id", "contact_id"})},
        )
    elif delivery.kind == DeliveryKind.MESSAGE_2:
        await _change(
            session,
            delivery,
            message_2_status=MessageStatus.SENT,
            message_2_at=at,
            outcome=Outcome.ANSWERED,
            closed_at=at,
            reason=None,
        )


async def message_failed(session: AsyncSession, delivery: Delivery, reason: str, at: datetime) -> None:
    """It will never go out, so the enrollment ends."""
    if delivery.kind == DeliveryKind.MESSAGE_1:
        await _settle_message_1(session, delivery, MessageStatus.FAILED, reason)
        await _end(session, delivery, at, outcome=Outcome.FAILED, reason=reason)
    elif delivery.kind == DeliveryKind.MESSAGE_2:
        await _change(session, delivery, message_2_status=MessageStatus.FAILED)
        await _end(session, delivery, at, outcome=Outcome.ANSWERED, reason=f"Message 2: {reason}")


async def message_refused(
    session: AsyncSession, delivery: Delivery, status: MessageStatus, outcome: Outcome, at: datetime
) -> None:
    """The gate refused it for good; an enrollment that has ended already keeps its end."""
    if delivery.kind == DeliveryKind.MESSAGE_1:
        await _settle_message_1(session, delivery, status, delivery.reason)
        await _end(session, delivery, at, outcome=outcome, reason=delivery.reason)
    elif delivery.kind == DeliveryKind.MESSAGE_2:
        await _change(session, delivery, message_2_status=status)
        await _end(session, delivery, at, outcome=outcome, reason=delivery.reason)


async def _settle_message_1(
    session: AsyncSession, delivery: Delivery, status: MessageStatus, reason: str | None
) -> None:
    """Ends what was open about Message 1, also where the enrollment itself has been closed meanwhile.

    A text that came while it was in flight was to count once it is sent (SPEC CAM-4): now it does not.
    """
    unsettled = col(Enrollment.status).in_([MessageStatus.PENDING, *IN_FLIGHT])
    settled = update(Enrollment).where(_row(delivery), unsettled)
    settled = settled.values(status=status, held=False, reason=reason, replied_at=None)
    if (await session.execute(settled.returning(col(Enrollment.contact_id)))).first() is None:
        return
    interactions = update(Interaction).where(
        col(Interaction.tenant_id) == delivery.tenant_id,
        col(Interaction.campaign_id) == delivery.campaign_id,
        col(Interaction.contact_id) == delivery.contact_id,
        col(Interaction.counted),
    )
    await session.execute(interactions.values(counted=False, reason=f"Message 1 is {status}"))


async def _end(session: AsyncSession, delivery: Delivery, at: datetime, **values: Any) -> None:
    open_ones = update(Enrollment).where(_row(delivery), col(Enrollment.closed_at).is_(None))
    await session.execute(open_ones.values(closed_at=at, **values))


async def advance_message(session: AsyncSession, delivery: Delivery, incoming: str, reason: str | None) -> str | None:
    """A platform's receipt moves the message forward, never back; returns the new state, None if nothing moved."""
    enrollment = (await session.exec(select(Enrollment).where(_row(delivery)).with_for_update())).one_or_none()
    if enrollment is None or not _is_of(delivery, enrollment):
        return None
    field = "status" if delivery.kind == DeliveryKind.MESSAGE_1 else "message_2_status"
    current = getattr(enrollment, field)
    if current not in ("sent", "delivered", "read", "failed"):
        return None
    moved = advance(current, incoming)
    if moved == current:
        return None
    setattr(enrollment, field, moved)
    if MessageStatus.FAILED in (current, moved):
        enrollment.reason = reason if moved == MessageStatus.FAILED else None
    await session.flush()
    return moved


def _is_of(delivery: Delivery, enrollment: Enrollment) -> bool:
    """Whether the delivery is the enrollment's present one: late news of a Message 1 that was retried is history."""
    if delivery.kind != DeliveryKind.MESSAGE_1:
        return True
    key = ids.message_1_key(enrollment.campaign_id, enrollment.contact_id, enrollment.generation)
    return delivery.idempotency_key == key


async def has_ended(session: AsyncSession, delivery: Delivery) -> bool:
    """Whether the delivery's enrollment is closed."""
    closed = (await session.exec(select(Enrollment.closed_at).where(_row(delivery)))).one_or_none()
    return closed is not None


async def reopen_as_failed(session: AsyncSession, delivery: Delivery) -> None:
    """An enrollment that ended with an unknown Message 1 counts as failed from now on."""
    if delivery.kind == DeliveryKind.MESSAGE_1:
        await _change(session, delivery, status=MessageStatus.FAILED, outcome=Outcome.FAILED, reason=delivery.reason)
