"""Which errors mean that PostgreSQL is away for a moment, so that the same call may succeed later; and waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

DATABASE_ERRORS = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""All that a transaction may raise: wrapped by SQLAlchemy once a connection stands, bare while one is being made."""

PAUSE_SECONDS = 1.0

T = TypeVar("T")

PASSING_CLASSES = ("08", "40", "53", "57P")
"""SQLSTATE: connection, rollback by a conflict, too few resources, and a server that stops, starts or crashed."""


def is_away(error: BaseException) -> bool:
    """Whether the database is at fault, and not the statement."""
    if isinstance(error, OSError | PoolTimeout | asyncpg.InterfaceError):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _passes(error.orig) or "connection is closed" in str(error.orig)
    return _passes(error)


async def once_there(call: Callable[[], Awaitable[T]], tell_away: Callable[[], None], *, within: float = inf) -> T:
    """What the call gives as soon as the database answers; `tell_away` is called once if it does not at first.

    Raises what the call raised when the database is still away after `within` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline, told = loop.time() + within, False
    while True:
        try:
            return await call()
        except DATABASE_ERRORS as error:
            if not is_away(error) or loop.time() > deadline:
                raise
        if not told:
            tell_away()
            told = True
        await asyncio.sleep(PAUSE_SECONDS)


def _passes(error: BaseException | None) -> bool:
    return str(getattr(error, "sqlstate", None) or "").startswith(PASSING_CLASSES)
