"""What is shown of channels: the row and what was used of its quota today."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Date, ScalarSelect, cast, func, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Channel, ChannelUsage, Tenant


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel and how many sends it made on the present day of the tenant's zone."""

    channel: Channel
    used_today: int


def _used_today() -> ScalarSelect[int]:
    today = cast(func.timezone(col(Tenant.time_zone), func.now()), Date)
    return (
        select(func.coalesce(func.sum(ChannelUsage.used), 0))
        .join(Tenant, col(Tenant.id) == ChannelUsage.tenant_id)
        .where(col(ChannelUsage.channel_id) == Channel.id, col(ChannelUsage.day) == today)
        .scalar_subquery()
    )


async def list_channels(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> list[ChannelView]:
    """Channels, newest first; `after` is (created_at, id) of the last one already seen."""
    key = tuple_(col(Channel.created_at), col(Channel.id))
    query = select(Channel, _used_today()).order_by(key.desc()).limit(limit)
    if after is not None:
        query = query.where(key < after)
    return [ChannelView(channel, int(used)) for channel, used in await session.exec(query)]


async def find_channel(session: AsyncSession, channel_id: UUID) -> ChannelView | None:
    """One channel, or None when the tenant has none with this id."""
    query = select(Channel, _used_today()).where(col(Channel.id) == channel_id)
    found = (await session.exec(query)).one_or_none()
    return None if found is None else ChannelView(found[0], int(found[1]))
