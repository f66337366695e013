"""A channel's health as sends find it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.breaker import ChannelBreaker
from domain.statuses import ChannelStatus


async def note_outcome(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, *, answered: bool, at: datetime
) -> ChannelBreaker:
    """Tells the channel's breaker whether the platform answered; returns its new state."""
    named = {"tenant_id": tenant_id, "channel_id": channel_id}
    stored = await session.execute(
        text("SELECT breaker FROM channels WHERE tenant_id = :tenant_id AND id = :channel_id FOR NO KEY UPDATE"), named
    )
    before = ChannelBreaker.model_validate(stored.scalar_one())
    after = before.on_success(at) if answered else before.on_failure(at)
    if after != before:
        await session.execute(
            text("UPDATE channels SET breaker = CAST(:b AS jsonb) WHERE tenant_id = :tenant_id AND id = :channel_id"),
            {**named, "b": after.model_dump_json()},
        )
    return after


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
