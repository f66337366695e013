"""Connections whose transactions begin bound to a tenant: BEGIN and its setting go out in one round trip."""

import re
from typing import TYPE_CHECKING, Any, cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:  # generic in its stubs alone
    Connection = asyncpg.Connection

_PLAIN = re.compile(r"[0-9a-z-]+")


class BoundTransaction:
    """What SQLAlchemy and we need of a transaction."""

    def __init__(self, connection: Connection, binding: str) -> None:
        self._connection = connection
        self._binding = binding

    async def start(self) -> None:
        """Begins. The setting is local to the transaction, so that a pooled connection never carries a tenant on."""
        await self._connection.execute(f"BEGIN;{self._binding}")

    async def commit(self) -> None:
        """Keeps what was done."""
        await self._connection.execute("COMMIT")

    async def rollback(self) -> None:
        """Undoes what was done."""
        await self._connection.execute("ROLLBACK")


class BindingConnection(Connection):
    """asyncpg's connection, told beforehand what its next transaction is bound to."""

    _binding = ""

    def bind_next(self, setting: str, value: str) -> None:
        """The transaction that begins next sees what row-level security allows for this value."""
        if not _PLAIN.fullmatch(value):
            raise ValueError("a transaction is bound to an id, a hash or a name")
        self._binding = f"SET LOCAL {setting} = '{value}'"

    def transaction(self, **_isolation: Any) -> Any:
        """The next transaction; SQLAlchemy's adapter asks for it before the first statement."""
        binding, self._binding = self._binding, ""
        return BoundTransaction(self, binding)


async def driver(connection: AsyncConnection) -> BindingConnection:
    """The connection underneath SQLAlchemy's."""
    raw = await connection.get_raw_connection()
    return cast("BindingConnection", raw.driver_connection)
