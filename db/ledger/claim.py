"""Claiming a delivery: one row per key, the gate, and the sole right to call the platform for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger import record
from db.ledger.facts import Facts, read_facts
from db.tables import Delivery
from domain.deliveries import DeliveryRequest, Receipt
from domain.gate import Decision, Reason, decide
from domain.statuses import DeliveryStatus
from domain.template_reading import TemplateProblem
from domain.templates import render

MOST_ATTEMPTS = 8
"""A message that the platform fails on this often while it takes others is at fault itself."""

RATE_IS_SHORT = timedelta(seconds=15)
"""A wait for the channel's slot shorter than this is not worth a line in the log."""

FINAL = frozenset({DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.REFUSED})


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a delivery goes and what is needed to reach the platform."""

    platform: str
    credentials: bytes
    phone: str
    unknown_policy: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The caller, and nobody else until `lease` is over, may call the platform; not before `wait_seconds` from now."""

    delivery_id: UUID
    token: UUID
    destination: Destination
    body: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class InFlight:
    """Somebody else goes first, the holder of this claim or of the channel's slot; ask again after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An earlier attempt called, or may have called, the platform: ask before anything else.

    `absence_counts` tells whether "not found" may be believed by now; else ask again after `seconds`.
    """

    delivery_id: UUID
    destination: Destination
    absence_counts: bool
    seconds: float


Claim = Receipt | Granted | InFlight | Unsettled


async def claim(session: AsyncSession, request: DeliveryRequest, lease: timedelta) -> Claim:
    """What may be done about a request now; a receipt when it is settled, held or refused."""
    delivery = await _find_or_make(session, request)
    if delivery.status in FINAL:
        return await record.receipt(session, delivery)
    now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    if delivery.status == DeliveryStatus.SENDING and delivery.claim_expires_at and delivery.claim_expires_at > now:
        return InFlight((delivery.claim_expires_at - now).total_seconds())
    if delivery.status in (DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN):
        return await _unsettled(session, delivery, now)
    return await pass_gate(session, delivery, request, lease)


async def _find_or_make(session: AsyncSession, request: DeliveryRequest) -> Delivery:
    """The delivery's row under its unique key, locked: of two who come at once, one waits for the other's commit."""
    values = request.model_dump(exclude={"interaction_id"}) | {"id": uuid4(), "status": DeliveryStatus.QUEUED}
    await session.execute(
        insert(Delivery).values(**values).on_conflict_do_nothing(index_elements=["tenant_id", "idempotency_key"])
    )
    found = select(Delivery).where(
        col(Delivery.tenant_id) == request.tenant_id, col(Delivery.idempotency_key) == request.idempotency_key
    )
    return (await session.exec(found.with_for_update())).one()


async def _unsettled(session: AsyncSession, delivery: Delivery, now: datetime) -> Unsettled:
    row = (
        await session.execute(
            text("""
                SELECT ch.platform, ch.credentials, ch.unknown_policy, c.phone
                FROM channels ch JOIN contacts c ON c.tenant_id = ch.tenant_id AND c.id = :contact_id
                WHERE ch.tenant_id = :tenant_id AND ch.id = :channel_id
            """),
            {"tenant_id": delivery.tenant_id, "channel_id": delivery.channel_id, "contact_id": delivery.contact_id},
        )
    ).one()
    # An attempt that died wrote its request before its claim ran out; one that reported has its own grace.
    believable = delivery.settle_after or delivery.claim_expires_at or now
    return Unsettled(
        delivery_id=delivery.id,
        destination=Destination(row.platform, row.credentials, row.phone, row.unknown_policy),
        absence_counts=believable <= now,
        seconds=max(0.0, (believable - now).total_seconds()),
    )


async def grant_again(
    session: AsyncSession, delivery_id: UUID, request: DeliveryRequest, lease: timedelta
) -> Receipt | Granted | InFlight:
    """After the platform surely does not have it: through the gate once more."""
    delivery = (await session.exec(select(Delivery).where(col(Delivery.id) == delivery_id).with_for_update())).one()
    if delivery.status in FINAL:
        return await record.receipt(session, delivery)
    now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    if delivery.status == DeliveryStatus.SENDING and delivery.claim_expires_at and delivery.claim_expires_at > now:
        return InFlight((delivery.claim_expires_at - now).total_seconds())
    if delivery.counted_attempts >= MOST_ATTEMPTS:
        reason = f"The platform failed on each of {delivery.counted_attempts} attempts."
        return await record.failed(session, delivery, reason, now, called=False)
    return await pass_gate(session, delivery, request, lease)


async def pass_gate(
    session: AsyncSession, delivery: Delivery, request: DeliveryRequest, lease: timedelta
) -> Receipt | Granted | InFlight:
    """Asks the gate and writes down its answer, in the transaction that read the facts."""
    facts = await read_facts(session, request)
    verdict = decide(facts.gate)
    if verdict.decision == Decision.REFUSE:
        return await record.refused(session, delivery, verdict, facts.gate.now)
    if verdict.reason == Reason.RATE and verdict.until is not None and verdict.until - facts.gate.now < RATE_IS_SHORT:
        return InFlight((verdict.until - facts.gate.now).total_seconds())
    if verdict.decision == Decision.HOLD:
        return await record.held(session, delivery, verdict, facts.gate.now, was_probe=facts.is_probe)
    if not await _spend_credit(session, facts, delivery):
        return await record.out_of_credits(session, delivery, facts.gate.now)
    try:
        body = delivery.body if delivery.body is not None else render(facts.template or "", facts.variables)
    except TemplateProblem as problem:
        return await record.failed(session, delivery, f"template: {problem}", facts.gate.now, called=False)
    return await _grant(session, delivery, facts, body, lease, verdict.limit)


async def _spend_credit(session: AsyncSession, facts: Facts, delivery: Delivery) -> bool:
    """Takes the credit that the send costs; a repeat of an unknown one has paid already."""
    if facts.gate.credits_left is None or delivery.credit_spent:
        return True
    spent = await session.execute(
        text("UPDATE tenants SET credits = credits - 1 WHERE id = :id AND credits > 0 RETURNING credits"),
        {"id": delivery.tenant_id},
    )
    delivery.credit_spent = spent.first() is not None
    return delivery.credit_spent


async def _grant(
    session: AsyncSession, delivery: Delivery, facts: Facts, body: str, lease: timedelta, limit: str | None
) -> Granted:
    now = facts.gate.now
    slot = max(now, facts.next_slot_at or now)
    await _use_channel(session, delivery, facts, slot + timedelta(seconds=1 / facts.rate_per_second))
    delivery.status = DeliveryStatus.SENDING
    delivery.body = body
    delivery.reason = None
    delivery.hold_until = None
    delivery.limit_name = limit
    delivery.claim_token = uuid4()
    delivery.claim_expires_at = slot + lease
    delivery.settle_after = None
    delivery.first_asked_at = delivery.first_asked_at or slot
    delivery.attempts += 1
    # An attempt made as a probe of a failing platform says nothing against this message.
    delivery.counted_attempts += 0 if facts.breaker_probe is not None else 1
    delivery.updated_at = now
    await record.sending(session, delivery, is_probe=facts.is_probe)
    destination = Destination(facts.platform, facts.credentials, facts.phone, facts.unknown_policy)
    return Granted(delivery.id, delivery.claim_token, destination, body, (slot - now).total_seconds())


async def _use_channel(session: AsyncSession, delivery: Delivery, facts: Facts, next_slot_at: datetime) -> None:
    """Takes the slot, the quota and, if the breaker is to be probed, the probe."""
    ids = {"tenant_id": delivery.tenant_id, "channel_id": delivery.channel_id}
    breaker = None if facts.breaker_probe is None else facts.breaker_probe.model_dump_json()
    await session.execute(
        text("""
            UPDATE channels SET next_slot_at = :slot, breaker = coalesce(CAST(:breaker AS jsonb), breaker)
            WHERE tenant_id = :tenant_id AND id = :channel_id
        """),
        {**ids, "slot": next_slot_at, "breaker": breaker},
    )
    if facts.usage_day is not None and delivery.attempts == 0:
        await session.execute(
            text("""
                INSERT INTO channel_usage (tenant_id, channel_id, action, day, used)
                VALUES (:tenant_id, :channel_id, 'message', :day, 1)
                ON CONFLICT (tenant_id, channel_id, action, day) DO UPDATE SET used = channel_usage.used + 1
            """),
            {**ids, "day": facts.usage_day.date()},
        )
