"""What is shown of the suppression list: pages of it, and all of it in bounded pieces."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.engine import Database
from db.tables import Suppression

EXPORT_PAGE = 2000


async def list_suppressions(
    session: AsyncSession, *, phone: str | None = None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Suppression]:
    """Suppressed phones that start with `phone`, newest first."""
    key = tuple_(col(Suppression.created_at), col(Suppression.id))
    query = select(Suppression).order_by(key.desc()).limit(limit)
    if phone is not None:
        query = query.where(col(Suppression.phone).startswith(phone, autoescape=True))
    if after is not None:
        query = query.where(key < after)
    return list(await session.exec(query))


async def find_suppression(
    session: AsyncSession, *, phone: str | None = None, suppression_id: UUID | None = None
) -> Suppression | None:
    """The suppression of a phone (E.164), or with an id; None when the tenant has none."""
    named = col(Suppression.phone) == phone if phone is not None else col(Suppression.id) == suppression_id
    return (await session.exec(select(Suppression).where(named))).one_or_none()


async def suppressed_among(session: AsyncSession, phones: Collection[str]) -> set[str]:
    """Those of `phones` that are suppressed."""
    return set(await session.exec(select(Suppression.phone).where(col(Suppression.phone).in_(phones))))


async def every_suppression(database: Database, tenant_id: UUID) -> AsyncIterator[list[Suppression]]:
    """The whole list by phone, a page at a time; each page is a transaction of its own, so a slow reader holds none."""
    query = select(Suppression).order_by(col(Suppression.phone)).limit(EXPORT_PAGE)
    last: str | None = None
    while True:
        async with database.tenant(tenant_id) as session:
            page = list(await session.exec(query if last is None else query.where(col(Suppression.phone) > last)))
        if page:
            yield page
        if len(page) < EXPORT_PAGE:
            return
        last = page[-1].phone
