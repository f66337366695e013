"""Claiming a delivery: one row per key, the gate, and the sole right to call the platform for a while."""

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.channels import give_back_probe
from db.engine import driver_of
from db.ledger import record
from db.ledger.allowances import count_use, take_credit
from db.ledger.attempts import (
    FINAL,
    Attempt,
    Claim,
    Destination,
    Granted,
    InFlight,
    Unsettled,
    as_it_stands,
    lock_attempt,
    lock_delivery,
)
from db.ledger.clock import clock
from db.ledger.facts import Facts, read_facts
from db.tables import Delivery
from domain.deliveries import DeliveryRequest, Receipt
from domain.gate import Decision, Reason, Verdict, decide
from domain.statuses import DeliveryStatus
from domain.template_reading import TemplateProblem
from domain.templates import render

MOST_ATTEMPTS = 8
"""A message that the platform fails on this often while it takes others is at fault itself."""

LOCK_KEY = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(CAST(CAST(:tenant_id AS uuid) AS text) || :idempotency_key, 0))"
)
"""Whoever takes the short way (`express.py`) has no row to lock before the others; the key itself is locked instead."""

RATE_IS_SHORT = timedelta(seconds=15)
"""A wait for the channel's slot shorter than this is not worth a line in the log."""


async def claim(session: AsyncSession, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
    """What may be done about a request now; a receipt when it is settled, held or refused."""
    delivery = await _find_or_make(session, request)
    if delivery.status in FINAL:
        return await record.receipt(session, delivery)
    now = await clock(session)
    if delivery.status == DeliveryStatus.SENDING and delivery.claim_expires_at and delivery.claim_expires_at > now:
        return InFlight((delivery.claim_expires_at - now).total_seconds(), is_claimed=True)
    if delivery.status in (DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN):
        return await _unsettled(session, delivery, now, grace)
    return await _pass_gate(session, delivery, request, lease)


async def _find_or_make(session: AsyncSession, request: DeliveryRequest) -> Delivery:
    """The delivery's row under its unique key, locked: of two who come at once, one waits for the other's commit."""
    await session.execute(LOCK_KEY, request.model_dump(include={"tenant_id", "idempotency_key"}))
    given = request.model_dump(exclude={"interaction_id", "replied_at"})
    values = given | {"id": uuid4(), "status": DeliveryStatus.QUEUED}
    await session.execute(
        insert(Delivery).values(**values).on_conflict_do_nothing(index_elements=["tenant_id", "idempotency_key"])
    )
    found = select(Delivery).where(
        col(Delivery.tenant_id) == request.tenant_id, col(Delivery.idempotency_key) == request.idempotency_key
    )
    return (await session.exec(found.with_for_update())).one()


async def _unsettled(
    session: AsyncSession, delivery: Delivery, now: datetime, grace: timedelta
) -> Unsettled | InFlight:
    row = (
        await session.execute(
            text("""
                SELECT ch.platform, ch.credentials, ch.unknown_policy, ch.throttled_until, c.phone
                FROM channels ch JOIN contacts c ON c.tenant_id = ch.tenant_id AND c.id = :contact_id
                WHERE ch.tenant_id = :tenant_id AND ch.id = :channel_id
            """),
            {"tenant_id": delivery.tenant_id, "channel_id": delivery.channel_id, "contact_id": delivery.contact_id},
        )
    ).one()
    if row.throttled_until is not None and row.throttled_until > now:
        return InFlight((row.throttled_until - now).total_seconds())
    # An attempt that died wrote its request before its claim ran out; one that reported has said when.
    believable = delivery.settle_after or (delivery.claim_expires_at or now) + grace
    return Unsettled(
        attempt=Attempt(delivery.id, delivery.attempts),
        destination=Destination(row.platform, row.credentials, row.phone, row.unknown_policy),
        absence_counts=believable <= now,
        seconds=max(0.0, (believable - now).total_seconds()),
    )


async def grant_again(
    session: AsyncSession, attempt: Attempt, request: DeliveryRequest, lease: timedelta
) -> Receipt | Granted | InFlight:
    """After the platform surely does not have it: through the gate once more.

    Of two who looked the same attempt up, one goes on; the other's knowledge is of an attempt that is not the last.
    """
    delivery = await lock_attempt(session, attempt)
    if delivery is None:
        return await as_it_stands(session, attempt)
    now = await clock(session)
    if delivery.status == DeliveryStatus.SENDING and delivery.claim_expires_at and delivery.claim_expires_at > now:
        return InFlight((delivery.claim_expires_at - now).total_seconds())
    if delivery.settle_after is not None and delivery.settle_after > now:  # its maker woke up and called meanwhile
        return InFlight((delivery.settle_after - now).total_seconds())
    if delivery.counted_attempts >= MOST_ATTEMPTS:
        reason = f"The platform failed on each of {delivery.counted_attempts} attempts."
        return await record.failed(session, delivery, reason, now, called=False)
    return await _pass_gate(session, delivery, request, lease)


async def confirm(
    session: AsyncSession, granted: Granted, request: DeliveryRequest, lease: timedelta
) -> Receipt | InFlight | None:
    """The gate once more for a claim that had to wait, since much may have changed; None when it may call.

    Its own credit, its place in the quota and its slot are taken already and do not hold it. A claim that ran out
    meanwhile is its own again as long as nobody has looked it up: only its maker can have called, and did not.
    """
    delivery = await lock_attempt(session, granted.attempt)
    if delivery is None or delivery.status != DeliveryStatus.SENDING or delivery.claim_expires_at is None:
        return await _settled_meanwhile(session, granted)
    now = await clock(session)
    facts = await read_facts(await driver_of(session), request, delivery)
    verdict = decide(facts.of_the_claimed(is_breaker_probe=granted.breaker_probe_at is not None))
    if verdict.decision == Decision.REFUSE:
        await _give_back_probe(session, granted, delivery, now)
        return await record.refused(session, delivery, verdict, now)
    if verdict.decision == Decision.HOLD:
        await _take_back(session, delivery, granted, now)
        return await record.held(session, delivery, verdict, now, was_probe=facts.is_probe)
    delivery.claim_expires_at = max(delivery.claim_expires_at, facts.gate.now + lease)
    return None


async def let_go(session: AsyncSession, granted: Granted) -> Receipt | InFlight:
    """The maker of a claim did not call and will not: the delivery is as it was before, but that its slot is past."""
    delivery = await lock_attempt(session, granted.attempt)
    if delivery is None or delivery.status != DeliveryStatus.SENDING:
        return await _settled_meanwhile(session, granted)
    now = await clock(session)
    await _take_back(session, delivery, granted, now)
    delivery.status = DeliveryStatus.QUEUED
    delivery.claim_expires_at = None
    delivery.updated_at = now
    await record.queued_again(session, delivery)
    return InFlight(0.0)


async def _take_back(session: AsyncSession, delivery: Delivery, granted: Granted, now: datetime) -> None:
    """An attempt that did not come to its call counts for nothing; its probe is the next one's to make."""
    await _give_back_probe(session, granted, delivery, now)
    uncount(delivery, granted)


async def _settled_meanwhile(session: AsyncSession, granted: Granted) -> Receipt | InFlight:
    """Somebody else settled it, or asked about it, before its maker called: its probe is the next one's to make."""
    delivery = await lock_delivery(session, granted.attempt.delivery_id)
    await _give_back_probe(session, granted, delivery, await clock(session))
    return await as_it_stands(session, granted.attempt)


async def _give_back_probe(session: AsyncSession, granted: Granted, delivery: Delivery, now: datetime) -> None:
    if (probe_at := granted.breaker_probe_at) is not None:
        await give_back_probe(await driver_of(session), delivery.tenant_id, delivery.channel_id, probe_at, now)


def uncount(delivery: Delivery, granted: Granted) -> None:
    """This attempt says nothing against its message; one that was the probe of a failing platform never did."""
    if granted.breaker_probe_at is None:
        delivery.counted_attempts = max(0, delivery.counted_attempts - 1)


async def _pass_gate(
    session: AsyncSession, delivery: Delivery, request: DeliveryRequest, lease: timedelta
) -> Receipt | Granted | InFlight:
    """Asks the gate and writes down its answer, in the transaction that read the facts."""
    facts = await read_facts(await driver_of(session), request, delivery)
    now, verdict = facts.gate.now, judge(facts)
    if verdict.decision == Decision.REFUSE:
        return await record.refused(session, delivery, verdict, now)
    if (soon := wait_for_slot(verdict, now)) is not None:
        return soon
    if verdict.decision == Decision.HOLD:
        return await record.held(session, delivery, verdict, now, was_probe=facts.is_probe)
    if facts.gate.credits_left is not None and not await take_credit(session, delivery):
        return await record.out_of_credits(session, delivery, now)
    try:
        body = delivery.body if delivery.body is not None else render(facts.template or "", facts.variables)
    except TemplateProblem as problem:
        return await record.failed(session, delivery, f"template: {problem}", now, called=False)
    return await _grant(session, delivery, facts, body, lease, verdict.limit)


def judge(facts: Facts) -> Verdict:
    """The gate's verdict on a delivery that is not claimed."""
    return decide(facts.gate)


def wait_for_slot(verdict: Verdict, now: datetime) -> InFlight | None:
    """To come back in a moment, when nothing but the channel's rate holds it and that only for a short while."""
    if verdict.reason == Reason.RATE and verdict.until is not None and verdict.until - now < RATE_IS_SHORT:
        return InFlight((verdict.until - now).total_seconds())
    return None


async def _grant(
    session: AsyncSession, delivery: Delivery, facts: Facts, body: str, lease: timedelta, limit: str | None
) -> Granted:
    slot = facts.slot
    await _use_channel(session, delivery, facts)
    delivery.status = DeliveryStatus.SENDING
    delivery.body = body
    delivery.reason = None
    delivery.hold_until = None
    delivery.limit_name = limit
    delivery.claim_expires_at = slot + lease
    delivery.settle_after = None
    delivery.first_asked_at = delivery.first_asked_at or slot
    delivery.attempts += 1
    # An attempt made as a probe of a failing platform says nothing against this message.
    delivery.counted_attempts += 0 if facts.breaker_probe is not None else 1
    delivery.updated_at = facts.gate.now
    await record.sending(session, delivery, is_probe=facts.is_probe)
    return granted(facts, Attempt(delivery.id, delivery.attempts), body)


def granted(facts: Facts, attempt: Attempt, body: str) -> Granted:
    """What the one whose attempt it is may do."""
    return Granted(
        attempt=attempt,
        destination=Destination(facts.platform, facts.credentials, facts.phone, facts.unknown_policy),
        body=body,
        asked_at=facts.asked_at,
        call_at=facts.known_at + (facts.slot - facts.gate.now).total_seconds(),
        interval_seconds=facts.interval.total_seconds(),
        breaker_probe_at=None if facts.breaker_probe is None else facts.breaker_probe.probe_started_at,
    )


async def _use_channel(session: AsyncSession, delivery: Delivery, facts: Facts) -> None:
    """Takes the slot, the quota and, if the breaker is to be probed, the probe."""
    breaker = None if facts.breaker_probe is None else facts.breaker_probe.model_dump_json()
    await session.execute(
        text("""
            UPDATE channels SET next_slot_at = :slot, breaker = coalesce(CAST(:breaker AS jsonb), breaker)
            WHERE tenant_id = :tenant_id AND id = :channel_id
        """),
        {
            **delivery.model_dump(include={"tenant_id", "channel_id"}),
            "slot": facts.slot_after,
            "breaker": breaker,
        },
    )
    if facts.usage_day is not None:
        await count_use(session, delivery, facts.usage_day)
