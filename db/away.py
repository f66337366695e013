"""Which errors mean that PostgreSQL is away for a moment, so that the same call may succeed later."""

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

DATABASE_ERRORS = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""All that a transaction may raise: wrapped by SQLAlchemy once a connection stands, bare while one is being made."""

PASSING_CLASSES = ("08", "40", "53", "57P")
"""SQLSTATE: connection, rollback by a conflict, too few resources, and a server that stops, starts or crashed."""


def is_away(error: BaseException) -> bool:
    """Whether the database is at fault, and not the statement."""
    if isinstance(error, OSError | PoolTimeout | asyncpg.InterfaceError):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _passes(error.orig) or "connection is closed" in str(error.orig)
    return _passes(error)


def _passes(error: BaseException | None) -> bool:
    return str(getattr(error, "sqlstate", None) or "").startswith(PASSING_CLASSES)
