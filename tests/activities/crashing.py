"""A database whose transactions can be made the place where the process dies."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from db.binding import Connection
from db.engine import Database, Undo
from tests.platform_double import Crash


class CrashingDatabase(Database):
    """Dies in the first transaction that begins when it is `time`: before it commits, or just after."""

    def __init__(self, database: Database, time: Callable[[], bool], *, committed: bool) -> None:
        super().__init__(database._engine)
        self._time = time
        self._committed = committed

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[AsyncSession]:
        """A transaction that may be the last."""
        dies = self._time()
        async with super().tenant(tenant_id) as session:
            yield session
            if dies and not self._committed:
                raise Crash
        if dies:
            raise Crash

    @asynccontextmanager
    async def quick(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """One on the driver's own connection that may be the last, unless it is undone and the long way follows."""
        dies, undone = self._time(), False
        async with super().quick(tenant_id) as connection:
            try:
                yield connection
            except Undo:
                undone = True
                raise
            if dies and not self._committed:
                raise Crash
        if dies and not undone:
            raise Crash
