"""What PostgreSQL's planner knows when a test looks at a plan; only the tables' owner may change it."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_FORGET_TABLES = """
    SELECT pg_clear_relation_stats('public', name) FROM unnest(ARRAY['contacts', 'enrollments', 'deliveries']) AS name
"""
_FORGET_COLUMNS = """
    SELECT pg_clear_attribute_stats('public', tablename, attname, false) FROM pg_stats
    WHERE schemaname = 'public' AND tablename IN ('contacts', 'enrollments', 'deliveries')
"""


async def known_to_the_planner(database_url: str) -> None:
    """Statistics as autovacuum would have made them."""
    await _as_owner(database_url, "ANALYZE contacts, enrollments, deliveries")


async def unknown_to_the_planner(database_url: str) -> None:
    """No statistics, as of tables that have just been filled for the first time."""
    await _as_owner(database_url, _FORGET_TABLES, _FORGET_COLUMNS)


async def _as_owner(database_url: str, *statements: str) -> None:
    owner = create_async_engine(database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with owner.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await owner.dispose()
