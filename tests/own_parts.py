"""Parts for tests that cannot share the session's: a Temporal, or a database, that nobody else uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from cli.stack.temporal import DYNAMIC_CONFIG, SEARCH_ATTRIBUTES, temporal_program
from migrations.upgrade import upgrade


@asynccontextmanager
async def own_temporal() -> AsyncIterator[WorkflowEnvironment]:
    """A real development server in memory, with the dynamic configuration of the embedded one.

    Workers that have polled a server are remembered by it for minutes.
    """
    arguments = [word for key, value in DYNAMIC_CONFIG.items() for word in ("--dynamic-config-value", f"{key}={value}")]
    arguments += [word for name in SEARCH_ATTRIBUTES for word in ("--search-attribute", f"{name}=Keyword")]
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_log_level="error",
        dev_server_extra_args=arguments,
        data_converter=pydantic_data_converter,
    )
    async with environment:
        yield environment


@asynccontextmanager
async def own_database(server_url: str, purpose: str) -> AsyncIterator[str]:
    """The address of a database on the tests' server with the schema in place; its name begins with `purpose`."""
    name = f"{purpose}_{uuid4().hex}"
    url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
    server = create_async_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        async with server.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        await upgrade(url)
        yield url
        async with server.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await server.dispose()
