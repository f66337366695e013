"""Inbound events: stored once, then turned into messages, interactions and receipts, repeatably."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.receipts import apply_receipt
from db.replies import record_text
from db.tables import InboundEvent
from domain.inbound import FACTS, IncomingEvent, TextFact
from domain.signals import Signal

UNMATCHED = "A receipt names a message that is not known yet."
KEEP_TRYING_FOR = timedelta(hours=1)
"""A receipt that overtook the answer to its own send is matched within seconds; after this it is somebody else's."""


async def store_event(session: AsyncSession, tenant_id: UUID, event: IncomingEvent) -> UUID | None:
    """Stores an event under its dedupe key; returns its id while it is to be processed, None when it already was."""
    row = {
        **event.model_dump(exclude={"facts"}),
        "id": uuid4(),
        "tenant_id": tenant_id,
        "normalised": {"facts": FACTS.dump_python(event.facts, mode="json")},
    }
    stored = await session.execute(
        insert(InboundEvent)
        .values(**row)
        .on_conflict_do_nothing(index_elements=["tenant_id", "channel_id", "dedupe_key"])
        .returning(col(InboundEvent.id))
    )
    event_id: UUID | None = stored.scalar_one_or_none()
    if event_id is not None:
        return event_id
    waiting = select(InboundEvent.id).where(
        col(InboundEvent.tenant_id) == tenant_id,
        col(InboundEvent.channel_id) == event.channel_id,
        col(InboundEvent.dedupe_key) == event.dedupe_key,
        col(InboundEvent.processed_at).is_(None),
    )
    return (await session.exec(waiting)).one_or_none()


async def process_event(session: AsyncSession, tenant_id: UUID, event_id: UUID) -> list[Signal]:
    """Records what an event says and returns whom to tell. Repeating it records nothing twice and tells the same."""
    found = select(InboundEvent).where(col(InboundEvent.tenant_id) == tenant_id, col(InboundEvent.id) == event_id)
    event = (await session.exec(found.with_for_update())).one()
    event.attempts += 1
    event.problem = None
    signals: list[Signal] = []
    for fact in FACTS.validate_python(event.normalised.get("facts", [])):
        if isinstance(fact, TextFact):
            signals += await record_text(session, tenant_id, event.channel_id, fact, event.received_at)
            continue
        told = await apply_receipt(session, tenant_id, event.channel_id, fact, event.received_at)
        if told is None:
            event.problem = UNMATCHED
        else:
            signals += told
    await session.flush()
    return signals


async def mark_processed(session: AsyncSession, event_id: UUID) -> bool:
    """Ends an event's processing once its signals are out; one with an unmatched receipt stays for the sweep."""
    done = await session.execute(
        text("""
            UPDATE inbound_events SET processed_at = now()
            WHERE id = :id AND processed_at IS NULL
              AND (problem IS NULL OR received_at < now() - CAST(:keep_trying AS interval))
            RETURNING id
        """),
        {"id": event_id, "keep_trying": KEEP_TRYING_FOR},
    )
    return done.first() is not None


async def note_problem(session: AsyncSession, event_id: UUID, problem: str) -> None:
    """Notes that an event could not be processed this time."""
    await session.execute(
        text("UPDATE inbound_events SET attempts = attempts + 1, problem = :problem WHERE id = :id"),
        {"id": event_id, "problem": problem},
    )


async def waiting_events(session: AsyncSession, tenant_id: UUID, older_than: timedelta, limit: int) -> list[UUID]:
    """The oldest events that were stored but not processed; one that keeps failing is tried ever more rarely."""
    rows = await session.execute(
        text("""
            SELECT id FROM inbound_events
            WHERE tenant_id = :tenant_id AND processed_at IS NULL
              AND received_at + CAST(:older_than AS interval) * (1 + least(attempts, 30) * least(attempts, 30)) < now()
            ORDER BY received_at LIMIT :limit
        """),
        {"tenant_id": tenant_id, "older_than": older_than, "limit": limit},
    )
    return list(rows.scalars())
