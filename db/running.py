"""A campaign as its workflow sees it: its plan, its state, its stock and who is next in line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.gate import REASON_TEXT, Reason
from domain.pacing import ERROR_RATE_LIMIT
from domain.statuses import CampaignStatus
from domain.variants import places

_PLAN = text("""
    SELECT c.status, c.channel_id, c.reply_window_seconds, c.pacing, c.delay_seconds, c.start_at, ch.rate_per_second,
           c.send_window, t.time_zone, c.variants
    FROM campaigns c JOIN channels ch ON ch.tenant_id = c.tenant_id AND ch.id = c.channel_id
    JOIN tenants t ON t.id = c.tenant_id
    WHERE c.tenant_id = :tenant_id AND c.id = :campaign_id
""")
# Its starter holds the row until it has written the start down, or has given up: which of both is to be seen.
_PLAN_ONCE_WRITTEN = text(f"{_PLAN.text} FOR SHARE OF c")
_MARK = text("""
    UPDATE campaigns SET status = :status,
           paused_reason = CASE WHEN :pacing_only THEN paused_reason ELSE :reason END,
           probe = CASE WHEN :pacing_only THEN probe ELSE :probe END,
           delay_seconds = coalesce(:delay_seconds, delay_seconds), pacing = coalesce(CAST(:pacing AS jsonb), pacing),
           error_rate = coalesce(:error_rate, error_rate),
           started_at = CASE WHEN :status = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
           ended_at = CASE WHEN :status NOT IN ('completed', 'cancelled') THEN NULL
                           WHEN :status = status THEN coalesce(ended_at, now()) ELSE now() END
    WHERE tenant_id = :tenant_id AND id = :campaign_id AND (status <> 'cancelled' OR :status = 'cancelled')
    RETURNING status
""")
# `now()` is the transaction's: a second state that is written in it has no row of its own.
_SAMPLE = text("""
    INSERT INTO campaign_samples (tenant_id, campaign_id, at, status, delay_seconds, error_rate)
    SELECT tenant_id, id, now(), status, delay_seconds, CAST(:error_rate AS float) FROM campaigns
    WHERE tenant_id = :tenant_id AND id = :campaign_id
    ON CONFLICT DO NOTHING
""")
# A Message 1 that failed by a receipt is one whose contact still waits: the platform may yet take its word back.
_REQUEUE = text("""
    WITH requeued AS (
        UPDATE enrollments SET status = 'pending', generation = generation + 1, launched_at = NULL, closed_at = NULL,
               outcome = NULL, reason = NULL, held = false, message_1_at = NULL, reply_deadline = NULL
        WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND status = 'failed' AND replied_at IS NULL
        RETURNING 1
    ) SELECT count(*) FROM requeued
""")
_REOPEN = text("""
    UPDATE campaigns SET status = 'running', ended_at = NULL
    WHERE tenant_id = :tenant_id AND id = :campaign_id AND status = 'completed'
""")
_IN_LINE = """
    FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND status = 'pending' AND launched_at IS NULL
"""
_NEXT = text(f"""
    SELECT contact_id, generation, coalesce(dial_prefix, '') AS dial_prefix {_IN_LINE}
      AND (cardinality(CAST(:asleep AS text[])) = 0 OR coalesce(dial_prefix, '') <> ALL(CAST(:asleep AS text[])))
    ORDER BY position LIMIT :limit
""")
_PREFIXES = text(f"SELECT DISTINCT coalesce(dial_prefix, '') {_IN_LINE}")
_ANYBODY = text(f"SELECT EXISTS (SELECT 1 {_IN_LINE})")
_GIVEN = text("""
    SELECT variants_given FROM campaigns WHERE tenant_id = :tenant_id AND id = :campaign_id FOR NO KEY UPDATE
""")
_WITHOUT_VARIANT = text("""
    SELECT contact_id FROM enrollments WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id
      AND contact_id = ANY(:contact_ids) AND variant IS NULL ORDER BY position
""")
_GIVE = text("""
    WITH given AS (
        UPDATE enrollments e SET variant = g.variant
        FROM unnest(CAST(:contact_ids AS uuid[]), CAST(:variants AS smallint[])) AS g(contact_id, variant)
        WHERE e.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = g.contact_id
    )
    UPDATE campaigns SET variants_given = variants_given + :count WHERE tenant_id = :tenant_id AND id = :campaign_id
""")
_LAUNCHED = text("""
    UPDATE enrollments e SET launched_at = now()
    FROM unnest(CAST(:contact_ids AS uuid[]), CAST(:generations AS int[])) AS l(contact_id, generation)
    WHERE e.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = l.contact_id
      AND e.generation = l.generation
""")
# An attempt whose commit stood, but whose answer was lost, is repeated: what it did is counted where it left it.
_STOPPED = text("""
    SELECT count(*) FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND outcome = 'cancelled' AND status = 'cancelled'
""")
_REQUEUED = text(f"SELECT count(*) {_IN_LINE} AND generation > 0")
_IN_FLIGHT = text("""
    SELECT count(*) FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND closed_at IS NULL AND launched_at IS NOT NULL
      AND status IN ('pending', 'sending')
""")
PEERS_FOR_EACH = round(1 / ERROR_RATE_LIMIT)
"""Beyond so many messages for each error the rate is one that changes nothing (SPEC CAM-8)."""

# A platform that does not answer at all is the channel's matter (SPEC DEL-6): its breaker holds the sends, and they go
# on by themselves. So a sample has no errors from before the last recovery, none while the breaker is open, and leaves
# out the last ones in a row without an answer, which may be the beginning of an outage.
# What a platform tells later by a receipt is an error of the sample in which it is told, once: of messages that are in
# the sample themselves, and of earlier ones that had no error when theirs was judged. Those are weighed against as many
# messages as were asked in a time as long before the sample, since the first of a batch would have to answer for all
# failures of the last one; counted only as far as the rate of errors depends on it. Together with what had been told of
# those before: failures that are told in two portions are as many. What was told before a pause is not held against a
# campaign again, and of one that is probed, what is told of the messages before the probe says nothing.
# Contacts whom the campaign's window has wait are not in flight: with windows in their own zones it can be a night, and
# the others are to go on. While nobody else is in flight, `held_until` is when the first of them can go out.
_STOCK = text("""
    SELECT e.in_flight, e.in_line, e.open, e.last_deadline, c.probe, ch.rate_per_second, now() AS taken_at,
           CASE WHEN e.in_flight = 0 AND e.waiting > 0 THEN (
               SELECT min(d.hold_until) FROM deliveries d
               WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.id AND d.status = 'held'
                 AND d.kind = 'message_1' AND d.reason = :outside_window
           ) END AS held_until,
           CASE WHEN b.closed THEN greatest(0, s.attempted - b.in_a_row, told.peers) ELSE 0 END AS attempted,
           CASE WHEN b.closed THEN least(greatest(0, s.errored - b.in_a_row) + told.errored,
                                         greatest(0, s.attempted - b.in_a_row, told.peers)) ELSE 0 END AS errored
    FROM campaigns c JOIN channels ch ON ch.tenant_id = c.tenant_id AND ch.id = c.channel_id,
         LATERAL (SELECT coalesce(ch.breaker->>'state', 'closed') = 'closed' AS closed,
                         coalesce(CAST(ch.breaker->>'consecutive_failures' AS int), 0) AS in_a_row,
                         greatest(CAST(:since AS timestamptz),
                                  CAST(ch.breaker->>'recovered_at' AS timestamptz)) AS since) b,
         LATERAL (SELECT count(*) AS open, max(reply_deadline) AS last_deadline,
                         count(*) FILTER (WHERE launched_at IS NOT NULL AND status IN ('pending', 'sending')
                                          AND NOT (held AND reason = :outside_window)) AS in_flight,
                         count(*) FILTER (WHERE launched_at IS NULL AND status = 'pending') AS in_line,
                         count(*) FILTER (WHERE held AND reason = :outside_window) AS waiting
                  FROM enrollments WHERE campaign_id = c.id AND closed_at IS NULL) e,
         LATERAL (SELECT count(*) AS attempted,
                         count(*) FILTER (WHERE errors > 0 OR failure_told_at IS NOT NULL) AS errored
                  FROM deliveries WHERE campaign_id = c.id AND kind = 'message_1' AND first_asked_at >= b.since
                    AND (status IN ('sent', 'failed', 'unknown') OR errors > 0)) s,
         LATERAL (SELECT count(*) AS errored FROM (
                      SELECT kind, first_asked_at, errors FROM deliveries
                      WHERE campaign_id = c.id AND failure_told_at >= b.since
                      OFFSET 0 -- else the planner may look for them among all that were asked earlier
                  ) f WHERE c.probe IS NULL AND kind = 'message_1' AND first_asked_at < b.since AND errors = 0) late,
         LATERAL (SELECT max(at) AS at FROM campaign_samples
                  WHERE late.errored > 0 AND tenant_id = c.tenant_id AND campaign_id = c.id AND status = 'paused'
                    AND at >= b.since - (now() - b.since)) pause,
         LATERAL (SELECT count(*) AS peers,
                         late.errored + count(*) FILTER (
                             WHERE errors = 0 AND failure_told_at < b.since
                               AND (pause.at IS NULL OR first_asked_at > pause.at)
                         ) AS errored
                  FROM (
                      SELECT first_asked_at, errors, failure_told_at FROM deliveries
                      WHERE late.errored > 0 AND campaign_id = c.id AND kind = 'message_1'
                        AND first_asked_at >= b.since - (now() - b.since) AND first_asked_at < b.since
                        AND (status IN ('sent', 'failed', 'unknown') OR errors > 0)
                      ORDER BY first_asked_at DESC LIMIT CAST(:peers_for_each AS int) * (s.errored + late.errored)
                  ) earlier) told
    WHERE c.tenant_id = :tenant_id AND c.id = :campaign_id
""")
_OPEN_CONTACTS = text("""
    SELECT position, contact_id FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND position > :after
      AND (launched_at IS NOT NULL OR generation > 0) AND (closed_at IS NULL OR outcome = 'cancelled')
    ORDER BY position LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Next:
    """A contact whose turn it is."""

    contact_id: UUID
    generation: int
    dial_prefix: str


@dataclass(frozen=True, slots=True)
class State:
    """What is to be written of a campaign; None leaves a figure as it is. `pacing` is JSON.

    `pacing_only` leaves the reason of a pause and the probe as they are.
    """

    status: CampaignStatus
    reason: str | None = None
    probe: str | None = None
    delay_seconds: float | None = None
    pacing: str | None = None
    error_rate: float | None = None
    pacing_only: bool = False


def _named(tenant_id: UUID, campaign_id: UUID) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "campaign_id": campaign_id}


async def read_plan(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, *, once_written: bool = False
) -> Row[Any]:
    """The plan's columns; `once_written`: waits for whoever is just starting the campaign."""
    plan = _PLAN_ONCE_WRITTEN if once_written else _PLAN
    return (await session.execute(plan, _named(tenant_id, campaign_id))).one()


async def write_state(session: AsyncSession, tenant_id: UUID, campaign_id: UUID, state: State) -> CampaignStatus:
    """Writes the state (cancelled is for ever) and what the chart shows of it; returns the state in force.

    The contacts of a cancelled campaign are not touched: see `db/cancelling.py`.
    """
    named = _named(tenant_id, campaign_id)
    values = {
        **named,
        "status": state.status.value,
        "reason": state.reason,
        "probe": state.probe,
        "delay_seconds": state.delay_seconds,
        "pacing": state.pacing,
        "error_rate": state.error_rate,
        "pacing_only": state.pacing_only,
    }
    written = (await session.execute(_MARK, values)).scalar_one_or_none()
    if written is None:
        return CampaignStatus.CANCELLED
    await session.execute(_SAMPLE, {**named, "error_rate": state.error_rate})
    return CampaignStatus(written)


async def requeue_failed(session: AsyncSession, tenant_id: UUID, campaign_id: UUID) -> int:
    """Puts contacts whose Message 1 failed back in line and returns how many; each gets a new idempotency key."""
    named = _named(tenant_id, campaign_id)
    requeued = int((await session.execute(_REQUEUE, named)).scalar_one())
    await session.execute(_REOPEN, named)
    return requeued


async def next_to_launch(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, limit: int, asleep: Sequence[str] = ()
) -> list[Next]:
    """The next contacts in line, in the order in which they were imported, without those of the prefixes `asleep`."""
    values = {**_named(tenant_id, campaign_id), "limit": limit, "asleep": list(asleep)}
    return [Next(*row) for row in await session.execute(_NEXT, values)]


async def prefixes_in_line(session: AsyncSession, tenant_id: UUID, campaign_id: UUID) -> list[str]:
    """The dial prefixes of the contacts in line; "" stands for an unknown one."""
    return list((await session.execute(_PREFIXES, _named(tenant_id, campaign_id))).scalars())


async def is_anybody_in_line(session: AsyncSession, tenant_id: UUID, campaign_id: UUID) -> bool:
    """Whether a contact is still to be launched."""
    return bool((await session.execute(_ANYBODY, _named(tenant_id, campaign_id))).scalar_one())


async def give_variants(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, weights: Sequence[int], contact_ids: Sequence[UUID]
) -> None:
    """Gives each of these contacts its variant for good; one who has one, as after a launch that died, keeps it."""
    named = _named(tenant_id, campaign_id)
    first = (await session.execute(_GIVEN, named)).scalar_one()
    asked = {**named, "contact_ids": list(contact_ids)}
    without = list((await session.execute(_WITHOUT_VARIANT, asked)).scalars())
    variants = places(weights, first, len(without))
    values = {**named, "contact_ids": without, "variants": variants, "count": len(without)}
    await session.execute(_GIVE, values)


async def mark_launched(session: AsyncSession, tenant_id: UUID, campaign_id: UUID, launched: Sequence[Next]) -> None:
    """Notes that these contacts' workflows run; one that was put back in line meanwhile still waits for its next."""
    contact_ids, generations = [one.contact_id for one in launched], [one.generation for one in launched]
    values = {"contact_ids": contact_ids, "generations": generations}
    await session.execute(_LAUNCHED, {**_named(tenant_id, campaign_id), **values})


async def count_stopped(session: AsyncSession, tenant_id: UUID, campaign_id: UUID) -> int:
    """How many contacts a cancel has kept from Message 1."""
    return int((await session.execute(_STOPPED, _named(tenant_id, campaign_id))).scalar_one())


async def count_requeued(session: AsyncSession, tenant_id: UUID, campaign_id: UUID) -> int:
    """How many contacts are in line once more."""
    return int((await session.execute(_REQUEUED, _named(tenant_id, campaign_id))).scalar_one())


async def count_in_flight(session: AsyncSession, tenant_id: UUID, campaign_id: UUID) -> int:
    """How many launched contacts have not had Message 1 yet."""
    return int((await session.execute(_IN_FLIGHT, _named(tenant_id, campaign_id))).scalar_one())


async def take_stock(session: AsyncSession, tenant_id: UUID, campaign_id: UUID, since: datetime) -> Row[Any]:
    """The columns of a stock; the error sample is of messages asked of the platform, and of failures told, since."""
    named = _named(tenant_id, campaign_id)
    outside = REASON_TEXT[Reason.CAMPAIGN_WINDOW]
    values = {"since": since, "outside_window": outside, "peers_for_each": PEERS_FOR_EACH}
    return (await session.execute(_STOCK, {**named, **values})).one()


async def open_contacts(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, after: int, limit: int
) -> list[tuple[int, UUID]]:
    """A page (position, contact id) of the contacts that were launched, in order, for telling them to stop."""
    rows = await session.execute(_OPEN_CONTACTS, {**_named(tenant_id, campaign_id), "after": after, "limit": limit})
    return [(row.position, row.contact_id) for row in rows]
