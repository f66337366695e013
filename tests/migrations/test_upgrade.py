"""The schema comes about the same way every time, and it is the one that the models describe."""

import asyncio
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

import db.tables  # noqa: F401  (registers every table)
from migrations.upgrade import upgrade
from tests.migrations.conftest import MakeDatabase


async def looked_at(url: str, look: Any) -> Any:
    """What a function of a connection finds."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[Any]:
    """What Alembic would change to make the database like the models."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, SQLModel.metadata))


def schema(connection: Connection) -> list[tuple[Any, ...]]:
    """Columns, indexes, policies and the revision, in a fixed order."""
    columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
    statements = (
        f"{columns} WHERE table_schema = 'public' ORDER BY 1, 2",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
        "SELECT tablename, policyname, cmd, qual FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2",
        "SELECT version_num FROM alembic_version",
    )
    return [tuple(row) for statement in statements for row in connection.execute(text(statement))]


async def upgrade_in_a_process(url: str) -> None:
    """What `python -m migrations` does for the schema."""
    program = "import asyncio, sys; from migrations.upgrade import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url)
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_models_and_migrations_agree(empty_database: MakeDatabase) -> None:
    url = await empty_database()

    await upgrade(url)

    assert await looked_at(url, differences) == []


async def test_an_upgrade_that_is_repeated_changes_nothing(empty_database: MakeDatabase) -> None:
    url = await empty_database()
    await upgrade(url)
    before = await looked_at(url, schema)

    await upgrade(url)

    assert await looked_at(url, schema) == before


async def test_processes_that_upgrade_at_once_leave_one_schema(empty_database: MakeDatabase) -> None:
    url, other = await empty_database(), await empty_database()
    await upgrade(other)

    await asyncio.gather(*(upgrade(url) for _ in range(5)))

    assert await looked_at(url, schema) == await looked_at(other, schema)


async def test_two_databases_of_one_server_may_be_upgraded_at_once(empty_database: MakeDatabase) -> None:
    urls = [await empty_database() for _ in range(2)]

    # As processes: Alembic keeps its context in a global of the process.
    await asyncio.gather(*(upgrade_in_a_process(url) for url in urls for _ in range(2)))

    for url in urls:
        assert await looked_at(url, differences) == []


async def test_an_upgrade_that_fails_leaves_nothing_behind_and_frees_the_lock(empty_database: MakeDatabase) -> None:
    url = await empty_database()

    def occupy(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE interactions (id int)"))
        connection.commit()

    def free(connection: Connection) -> None:
        connection.execute(text("DROP TABLE interactions"))
        connection.commit()

    await looked_at(url, occupy)
    with pytest.raises(Exception, match="already exists"):
        await upgrade(url)
    await looked_at(url, free)

    await asyncio.wait_for(upgrade(url), 10)

    assert await looked_at(url, differences) == []
