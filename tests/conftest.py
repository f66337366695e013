"""The real parts that tests of several rooms run against, one of each for the whole session."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from cli.stack.postgres import running_postgres
from cli.stack.temporal import DYNAMIC_CONFIG, SEARCH_ATTRIBUTES, temporal_program
from db.engine import Database
from migrations.upgrade import upgrade


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """A directory that PostgreSQL's own user can reach, for as long as the tests run."""
    with TemporaryDirectory(prefix="relance-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest_asyncio.fixture(scope="session")
async def database_url(session_dir: Path) -> AsyncIterator[str]:
    """The address of a real PostgreSQL with the schema in place."""
    async with running_postgres(session_dir / "data", fast=True) as url:
        await upgrade(url)
        yield url


@pytest_asyncio.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The application's connection to it: tenants are kept apart by row-level security, so tests share it."""
    database = Database.connect(database_url, pool_size=20)
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """A real Temporal development server in memory, with the dynamic configuration of the embedded one."""
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


@pytest.fixture(scope="session", autouse=True)
def _no_outside_settings() -> Iterator[None]:
    """What the developer has exported must not decide a test."""
    names = [name for name in os.environ if name.startswith(("RELANCE_", "TEMPORAL_"))]
    kept = {name: os.environ.pop(name) for name in names}
    yield
    os.environ.update(kept)
