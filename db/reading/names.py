"""What things are called, for pages that show many of them by their ids."""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign, Channel


async def names_of_campaigns(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of these campaigns."""
    return dict((await session.exec(select(Campaign.id, Campaign.name).where(col(Campaign.id).in_(ids)))).all())


async def latest_campaigns(session: AsyncSession, *, limit: int) -> dict[UUID, str]:
    """The newest campaigns, to choose from."""
    query = select(Campaign.id, Campaign.name).order_by(col(Campaign.created_at).desc(), col(Campaign.id).desc())
    return dict((await session.exec(query.limit(limit))).all())


async def latest_channels(session: AsyncSession, *, limit: int) -> dict[UUID, str]:
    """The newest channels, to choose from."""
    query = select(Channel.id, Channel.name).order_by(col(Channel.created_at).desc(), col(Channel.id).desc())
    return dict((await session.exec(query.limit(limit))).all())


async def names_of_channels(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of these channels."""
    return dict((await session.exec(select(Channel.id, Channel.name).where(col(Channel.id).in_(ids)))).all())
