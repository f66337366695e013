"""Empty databases on the test server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

MakeDatabase = Callable[[], Awaitable[str]]


@pytest_asyncio.fixture
async def empty_database(database_url: str) -> AsyncIterator[MakeDatabase]:
    """Makes databases with nothing in them and returns their addresses; they are dropped afterwards."""
    names: list[str] = []
    server = create_async_engine(database_url, isolation_level="AUTOCOMMIT")

    async def make() -> str:
        name = f"migration_{uuid4().hex}"
        async with server.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        names.append(name)
        return make_url(database_url).set(database=name).render_as_string(hide_password=False)

    yield make
    async with server.connect() as connection:
        for name in names:
            await connection.execute(text(f"DROP DATABASE {name}"))
    await server.dispose()
