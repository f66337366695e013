"""The short way of a send through the ledger: what nearly all of them go through, in as few round trips as it takes.

It handles a first claim that the gate lets pass at once, and the word that a platform took what the last attempt sent.
Whatever is not quite that it leaves untouched (None), to be looked at the long way, in `claim.py` and `record.py`.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

from db.binding import Connection
from db.channels import note_answer
from db.ledger.attempts import Attempt, Granted, InFlight
from db.ledger.claim import granted, judge, wait_for_slot
from db.ledger.facts import Facts, lock_person, with_channel
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.gate import Decision
from domain.statuses import DeliveryKind
from domain.template_reading import TemplateProblem
from domain.templates import render

KINDS = (DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_2)

_LOCK_KEY = "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2, 0))"
# The insert is the claim. That the key is free was seen before, under the lock of the key: nobody is waited for here,
# who might wait for the enrollment that this transaction holds.
_CLAIM = """
    WITH claimed AS (
        INSERT INTO deliveries (id, tenant_id, channel_id, contact_id, campaign_id, kind, idempotency_key, scheduled_at,
                                status, body, limit_name, claim_expires_at, first_asked_at, attempts, counted_attempts,
                                updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'sending', $9, $10, $11, $12, 1, 1, $13)
        ON CONFLICT (tenant_id, idempotency_key) DO NOTHING
        RETURNING id
    ), enrolled AS (
        UPDATE enrollments e
        SET status = CASE $6 WHEN 'message_1' THEN 'sending' ELSE status END,
            held = CASE $6 WHEN 'message_1' THEN false ELSE held END,
            message_2_status = CASE $6 WHEN 'message_2' THEN 'sending' ELSE message_2_status END,
            replied_at = CASE $6 WHEN 'message_2' THEN coalesce(replied_at, now()) ELSE replied_at END,
            reason = NULL
        FROM claimed WHERE e.tenant_id = $2 AND e.campaign_id = $5 AND e.contact_id = $4
    ), used AS (
        UPDATE channels ch SET next_slot_at = $14 FROM claimed WHERE ch.tenant_id = $2 AND ch.id = $3
    )
    SELECT id FROM claimed
"""
_SENT = """
    WITH t AS MATERIALIZED (SELECT clock_timestamp() AS now), sent AS (
        UPDATE deliveries d
        SET status = 'sent', reason = NULL, sent_at = t.now, updated_at = t.now,
            provider_message_id = coalesce($3, provider_message_id), wa_id = coalesce($4, wa_id)
        FROM t WHERE d.id = $1 AND d.attempts = $2 AND d.status = 'sending'
        RETURNING d.*
    ), message AS (
        INSERT INTO messages (id, tenant_id, channel_id, contact_id, direction, delivery_id, provider_message_id, body,
                              status, occurred_at)
        SELECT $5, tenant_id, channel_id, contact_id, 'out', id, provider_message_id, body, 'sent', sent_at FROM sent
        ON CONFLICT (tenant_id, delivery_id) DO UPDATE SET provider_message_id = excluded.provider_message_id
        RETURNING delivery_id
    ), probe AS (
        UPDATE campaigns c SET probe = 'passed' FROM sent
        WHERE c.tenant_id = sent.tenant_id AND c.id = sent.campaign_id AND c.probe = sent.idempotency_key
    ), opened AS (
        UPDATE enrollments e
        SET status = 'sent', held = false, reason = NULL, message_1_at = sent.sent_at,
            reply_deadline = sent.sent_at + make_interval(secs => c.reply_window_seconds)
        FROM sent JOIN message ON message.delivery_id = sent.id
        JOIN campaigns c ON c.tenant_id = sent.tenant_id AND c.id = sent.campaign_id
        WHERE sent.kind = 'message_1' AND e.tenant_id = sent.tenant_id AND e.campaign_id = sent.campaign_id
          AND e.contact_id = sent.contact_id AND e.status NOT IN ('delivered', 'read')
        RETURNING e.reply_deadline
    ), answered AS (
        UPDATE enrollments e
        SET message_2_status = 'sent', message_2_at = sent.sent_at, outcome = 'answered', closed_at = sent.sent_at,
            reason = NULL
        FROM sent JOIN message ON message.delivery_id = sent.id
        WHERE sent.kind = 'message_2' AND e.tenant_id = sent.tenant_id AND e.campaign_id = sent.campaign_id
          AND e.contact_id = sent.contact_id
    ), line AS (
        INSERT INTO action_log (tenant_id, delivery_id, contact_id, campaign_id, action, status, scheduled_at,
                                executed_at)
        SELECT tenant_id, id, contact_id, campaign_id, kind, 'sent', scheduled_at, sent_at FROM sent
    )
    SELECT sent.sent_at, (SELECT reply_deadline FROM opened) AS reply_deadline, ch.breaker
    FROM sent JOIN channels ch ON ch.tenant_id = sent.tenant_id AND ch.id = sent.channel_id
"""


@dataclass(frozen=True, slots=True)
class _New:
    """A delivery that is not there yet."""

    idempotency_key: str
    credit_spent: bool = False
    used_on: date | None = None


async def claim(connection: Connection, request: DeliveryRequest, lease: timedelta) -> Granted | InFlight | None:
    """Claims what nobody has claimed and nothing holds; None for everything else, and then all is to be undone."""
    if request.kind not in KINDS or request.campaign_id is None:
        return None
    await connection.execute(_LOCK_KEY, request.tenant_id, request.idempotency_key)
    person = await lock_person(connection, request, exclusive=False)
    if person["known"] or person["probe"] is not None:
        return None
    facts = await with_channel(connection, request, _New(request.idempotency_key), person, may_probe=False)
    verdict = judge(facts)
    if verdict.decision != Decision.SEND:
        return wait_for_slot(verdict, facts.gate.now)
    if facts.gate.credits_left is not None or facts.usage_day is not None or facts.breaker_probe is not None:
        return None
    try:
        body = render(facts.template or "", facts.variables)
    except TemplateProblem:
        return None
    delivery_id = await _take(connection, request, facts, body, lease, verdict.limit)
    return None if delivery_id is None else granted(facts, Attempt(delivery_id, 1), body)


async def _take(
    connection: Connection, request: DeliveryRequest, facts: Facts, body: str, lease: timedelta, limit: str | None
) -> UUID | None:
    """The new delivery's id, None when the key is taken."""
    taken: UUID | None = await connection.fetchval(
        _CLAIM,
        uuid4(),
        request.tenant_id,
        request.channel_id,
        request.contact_id,
        request.campaign_id,
        request.kind.value,
        request.idempotency_key,
        request.scheduled_at,
        body,
        limit,
        facts.slot + lease,
        facts.slot,
        facts.gate.now,
        facts.slot_after,
    )
    return taken


async def sent(
    connection: Connection,
    attempt: Attempt,
    request: DeliveryRequest,
    provider_message_id: str | None,
    wa_id: str | None,
) -> Receipt | None:
    """The platform has what this attempt sent, and the attempt is still the last one; None if it is not."""
    row = await connection.fetchrow(_SENT, attempt.delivery_id, attempt.number, provider_message_id, wa_id, uuid4())
    if row is None:
        return None
    await note_answer(connection, request.tenant_id, request.channel_id, row["breaker"], row["sent_at"])
    return Receipt(
        delivery_id=attempt.delivery_id,
        outcome=ReceiptOutcome.SENT,
        sent_at=row["sent_at"],
        reply_deadline=row["reply_deadline"],
    )
