"""A channel's health as sends find it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.binding import Connection
from domain.breaker import ChannelBreaker
from domain.statuses import ChannelStatus

_BREAKER = """
    SELECT breaker, 1 / rate_per_second AS interval FROM channels WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE
"""
_SET_BREAKER = """
    UPDATE channels SET breaker = $3::jsonb, next_slot_at = greatest(next_slot_at, $4)
    WHERE tenant_id = $1 AND id = $2
"""


async def note_outcome(
    connection: Connection, tenant_id: UUID, channel_id: UUID, *, answered: bool, at: datetime
) -> None:
    """Tells the channel's breaker whether the platform answered; after a failure the next slot may have to wait."""
    heard = ChannelBreaker.on_success if answered else ChannelBreaker.on_failure
    await _note(connection, tenant_id, channel_id, heard, at)


async def note_unanswered_question(connection: Connection, tenant_id: UUID, channel_id: UUID, at: datetime) -> None:
    """Tells the channel's breaker that the platform did not answer a look-up."""
    await _note(connection, tenant_id, channel_id, ChannelBreaker.on_unanswered_question, at)


async def give_back_probe(
    connection: Connection, tenant_id: UUID, channel_id: UUID, started_at: datetime, at: datetime
) -> None:
    """Tells the channel's breaker that the probe of `started_at` was not made, so that the next send may be it."""

    def heard(breaker: ChannelBreaker, now: datetime) -> ChannelBreaker:
        return breaker.on_probe_given_back(started_at, now)

    await _note(connection, tenant_id, channel_id, heard, at)


async def _note(
    connection: Connection,
    tenant_id: UUID,
    channel_id: UUID,
    heard: Callable[[ChannelBreaker, datetime], ChannelBreaker],
    at: datetime,
) -> None:
    channel = await connection.fetchrow(_BREAKER, tenant_id, channel_id)
    if channel is None:
        raise LookupError(f"channel {channel_id} is not there")
    before = ChannelBreaker.model_validate(channel["breaker"])
    after = heard(before, at)
    if after != before:
        breath = after.breath(timedelta(seconds=channel["interval"]))
        slot = None if breath is None else at + breath
        await connection.execute(_SET_BREAKER, tenant_id, channel_id, after.model_dump_json(), slot)


async def note_answer(connection: Connection, tenant_id: UUID, channel_id: UUID, seen: object, at: datetime) -> None:
    """The same for an answer, where the breaker was `seen` already.

    One that is at rest stays so, whatever else happens just now: no lock is taken for it.
    """
    breaker = ChannelBreaker.model_validate(seen)
    if breaker.on_success(at) != breaker:
        await note_outcome(connection, tenant_id, channel_id, answered=True, at=at)


async def throttle(session: AsyncSession, tenant_id: UUID, channel_id: UUID, until: datetime) -> None:
    """Nobody calls the channel's platform before this."""
    await session.execute(
        text("""
            UPDATE channels SET throttled_until = greatest(throttled_until, :until)
            WHERE tenant_id = :tenant_id AND id = :channel_id
        """),
        {"tenant_id": tenant_id, "channel_id": channel_id, "until": until},
    )


async def close_channel(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, status: ChannelStatus, reason: str
) -> None:
    """Parks the channel's work until a person has mended it."""
    await session.execute(
        text("""
            UPDATE channels SET status = :status, status_reason = :reason, updated_at = now()
            WHERE tenant_id = :tenant_id AND id = :channel_id AND status = 'active'
        """),
        {"tenant_id": tenant_id, "channel_id": channel_id, "status": status.value, "reason": reason},
    )
