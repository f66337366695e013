"""The clock that every hold and claim goes by: the database's, since workers on several machines disagree."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


async def clock(session: AsyncSession) -> datetime:
    """The present moment, not that of the transaction's start."""
    now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return now
