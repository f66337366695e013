"""Which errors of the database are its own fault: those are a 503, all others a bug."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.away import DATABASE_ERRORS, is_away


def wrapped(kind: type[DBAPIError], error: Exception, *, lost: bool = False) -> DBAPIError:
    """The error as SQLAlchemy hands it on."""
    return kind("SELECT 1", {}, error, connection_invalidated=lost)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        FileNotFoundError("no socket"),
        TimeoutError(),
        PoolTimeout("the pool is empty"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.InterfaceError("connection is closed"),
        wrapped(OperationalError, asyncpg.AdminShutdownError("terminating")),
        wrapped(OperationalError, asyncpg.CrashShutdownError("crashed")),
        wrapped(DBAPIError, asyncpg.DeadlockDetectedError("deadlock")),
        wrapped(DBAPIError, asyncpg.ConnectionDoesNotExistError("closed in the middle")),
        wrapped(DBAPIError, ValueError("whatever"), lost=True),
        wrapped(DBAPIError, asyncpg.InterfaceError("connection is closed")),
    ],
    ids=lambda error: type(getattr(error, "orig", None) or error).__name__,
)
def test_the_database_is_away(error: Exception) -> None:
    assert isinstance(error, DATABASE_ERRORS)
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        wrapped(ProgrammingError, asyncpg.UndefinedTableError("no such table")),
        wrapped(DBAPIError, asyncpg.UniqueViolationError("twice")),
        wrapped(DBAPIError, asyncpg.CharacterNotInRepertoireError("0x00")),
        asyncpg.InvalidPasswordError("wrong"),
    ],
    ids=lambda error: type(getattr(error, "orig", None) or error).__name__,
)
def test_the_statement_is_at_fault(error: Exception) -> None:
    assert isinstance(error, DATABASE_ERRORS)
    assert not is_away(error)
