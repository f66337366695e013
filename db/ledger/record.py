"""Writing down what became of a delivery: ledger, message, enrollment, campaign probe and log in one transaction."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger import enrollments
from db.ledger.allowances import give_back_credit
from db.ledger.log import log
from db.tables import Delivery, Message
from domain.campaigns import PROBE_FAILED, PROBE_PASSED, PROBE_WANTED
from domain.deliveries import Receipt, ReceiptOutcome
from domain.gate import REASON_TEXT, Decision, Reason, Verdict
from domain.statuses import DeliveryStatus, MessageStatus, Outcome

OUTCOME_OF: dict[str, ReceiptOutcome] = {
    DeliveryStatus.SENT: ReceiptOutcome.SENT,
    DeliveryStatus.FAILED: ReceiptOutcome.FAILED,
    DeliveryStatus.REFUSED: ReceiptOutcome.REFUSED,
    DeliveryStatus.HELD: ReceiptOutcome.HELD,
    DeliveryStatus.UNKNOWN: ReceiptOutcome.UNKNOWN,
}

_REFUSED_AS: dict[Reason, tuple[MessageStatus, Outcome]] = {
    Reason.OPTED_OUT: (MessageStatus.SUPPRESSED, Outcome.SUPPRESSED),
    Reason.CAMPAIGN_CANCELLED: (MessageStatus.CANCELLED, Outcome.CANCELLED),
}


async def receipt(session: AsyncSession, delivery: Delivery) -> Receipt:
    """The receipt of a delivery as it stands."""
    return Receipt(
        delivery_id=delivery.id,
        outcome=OUTCOME_OF[delivery.status],
        reason=delivery.reason,
        hold_until=delivery.hold_until,
        sent_at=delivery.sent_at,
        reply_deadline=await enrollments.reply_deadline(session, delivery) if delivery.sent_at else None,
    )


async def sending(session: AsyncSession, delivery: Delivery, *, is_probe: bool) -> None:
    """The claim is granted: from now on the platform may have the message."""
    await enrollments.set_message(session, delivery, MessageStatus.SENDING)
    if is_probe:
        await set_probe(session, delivery, delivery.idempotency_key)


async def sent(
    session: AsyncSession, delivery: Delivery, provider_message_id: str | None, wa_id: str | None, at: datetime
) -> Receipt:
    """The platform has it. Its id is stored with everything else that follows from it."""
    delivery.provider_message_id = provider_message_id or delivery.provider_message_id
    delivery.wa_id = wa_id or delivery.wa_id
    if delivery.status == DeliveryStatus.SENT:
        # A receipt was faster than the answer; the answer still brings the platform's id.
        await _keep_message(session, delivery, delivery.sent_at or at)
        return await receipt(session, delivery)
    delivery.status = DeliveryStatus.SENT
    delivery.reason = None
    delivery.hold_until = None
    delivery.sent_at = at
    delivery.updated_at = at
    await session.flush()
    await _keep_message(session, delivery, at)
    await settle_probe(session, delivery, PROBE_PASSED)
    await enrollments.message_is_out(session, delivery, at)
    log(session, delivery, DeliveryStatus.SENT, None, at)
    return await receipt(session, delivery)


async def _keep_message(session: AsyncSession, delivery: Delivery, at: datetime) -> None:
    message = Message(
        tenant_id=delivery.tenant_id,
        channel_id=delivery.channel_id,
        contact_id=delivery.contact_id,
        direction="out",
        delivery_id=delivery.id,
        provider_message_id=delivery.provider_message_id,
        body=delivery.body or "",
        status=MessageStatus.SENT,
        occurred_at=at,
    )
    known_id = {"provider_message_id": delivery.provider_message_id}
    kept = insert(Message).values(message.model_dump(exclude={"media"}))
    await session.execute(kept.on_conflict_do_update(index_elements=["tenant_id", "delivery_id"], set_=known_id))


def plausible(delivery: Delivery, at: datetime, now: datetime) -> datetime:
    """A platform's word on when it took a message, kept between the first attempt and now: its clock may be wrong."""
    return min(max(at, delivery.first_asked_at or at), now)


async def failed(
    session: AsyncSession, delivery: Delivery, reason: str, at: datetime, *, called: bool = True
) -> Receipt:
    """It will never go out; a credit that was taken for it is given back."""
    delivery.status = DeliveryStatus.FAILED
    delivery.reason = reason
    delivery.errors += 1 if called else 0
    delivery.first_asked_at = delivery.first_asked_at or at
    delivery.updated_at = at
    await settle_probe(session, delivery, PROBE_FAILED)
    await enrollments.message_failed(session, delivery, reason, at)
    log(session, delivery, DeliveryStatus.FAILED, reason, at)
    await give_back_credit(session, delivery)
    return await receipt(session, delivery)


async def refused(session: AsyncSession, delivery: Delivery, verdict: Verdict, at: datetime) -> Receipt:
    """The gate says never; a credit that an earlier attempt took is given back."""
    if verdict.reason is None:
        raise ValueError("a refusal always has its reason")
    delivery.status = DeliveryStatus.REFUSED
    delivery.reason = REASON_TEXT[verdict.reason]
    delivery.limit_name = verdict.limit
    delivery.updated_at = at
    status, outcome = _REFUSED_AS.get(verdict.reason, (MessageStatus.CANCELLED, Outcome.CANCELLED))
    await settle_probe(session, delivery, PROBE_WANTED)
    await enrollments.message_refused(session, delivery, status, outcome, at)
    log(session, delivery, DeliveryStatus.REFUSED, delivery.reason, at)
    await give_back_credit(session, delivery)
    return await receipt(session, delivery)


async def held(
    session: AsyncSession, delivery: Delivery, verdict: Verdict, at: datetime, *, was_probe: bool = False
) -> Receipt:
    """The gate says not now. A hold that is repeated for the same reason is not logged again."""
    reason = REASON_TEXT[verdict.reason] if verdict.reason is not None else None
    repeated = delivery.status == DeliveryStatus.HELD and delivery.reason == reason
    delivery.status = DeliveryStatus.HELD
    delivery.reason = reason
    delivery.limit_name = verdict.limit
    delivery.hold_until = verdict.until
    delivery.updated_at = at
    await enrollments.set_message(session, delivery, MessageStatus.PENDING, held=True)
    if was_probe:
        await settle_probe(session, delivery, PROBE_WANTED)
    if not repeated:
        log(session, delivery, DeliveryStatus.HELD, reason, at)
    await session.flush()
    return await receipt(session, delivery)


async def queued_again(session: AsyncSession, delivery: Delivery) -> None:
    """It is not under way any more, and nothing holds it: its turn comes again."""
    await settle_probe(session, delivery, PROBE_WANTED)
    await enrollments.set_message(session, delivery, MessageStatus.PENDING)


async def out_of_credits(session: AsyncSession, delivery: Delivery, at: datetime) -> Receipt:
    """The last credit went to another send between reading and taking it."""
    return await held(session, delivery, Verdict(Decision.HOLD, Reason.CREDITS, None, "credits"), at)


async def unknown(
    session: AsyncSession,
    delivery: Delivery,
    reason: str,
    at: datetime,
    *,
    settle_after: datetime,
    is_platforms: bool = True,
) -> Receipt:
    """The platform may or may not have it; "not found" is to be believed from `settle_after` on.

    Where it is not the platform's doing, since a process of ours died on the way, it is no error of the campaign.
    """
    first = delivery.status != DeliveryStatus.UNKNOWN
    delivery.status = DeliveryStatus.UNKNOWN
    delivery.reason = reason
    delivery.updated_at = at
    if first:
        delivery.errors += 1 if is_platforms else 0
        delivery.settle_after = settle_after
        await settle_probe(session, delivery, PROBE_FAILED if is_platforms else PROBE_WANTED)
        await enrollments.set_message(session, delivery, MessageStatus.UNKNOWN)
        log(session, delivery, DeliveryStatus.UNKNOWN, reason, at)
    await session.flush()
    return await receipt(session, delivery)


async def not_taken(session: AsyncSession, delivery: Delivery, verdict: Verdict, reason: str, at: datetime) -> Receipt:
    """The platform surely did not take it and it is to be tried again: held until then."""
    delivery.errors += 1
    await settle_probe(session, delivery, PROBE_FAILED)
    result = await held(session, delivery, verdict, at)
    delivery.reason = f"{delivery.reason} ({reason})"
    await session.flush()
    return result


async def set_probe(session: AsyncSession, delivery: Delivery, value: str) -> None:
    """Makes this delivery the campaign's probe, or the next one."""
    await session.execute(
        text("UPDATE campaigns SET probe = :value WHERE tenant_id = :tenant_id AND id = :id"),
        {"value": value, "tenant_id": delivery.tenant_id, "id": delivery.campaign_id},
    )


async def settle_probe(session: AsyncSession, delivery: Delivery, value: str) -> None:
    """If this delivery is its campaign's probe, says how the probe ended."""
    if delivery.campaign_id is None:
        return
    await session.execute(
        text("UPDATE campaigns SET probe = :value WHERE tenant_id = :tenant_id AND id = :id AND probe = :key"),
        {
            "value": value,
            "tenant_id": delivery.tenant_id,
            "id": delivery.campaign_id,
            "key": delivery.idempotency_key,
        },
    )
