"""The real parts that tests of several rooms run against, one of each for the whole session."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from cli.stack.postgres import running_postgres
from db.engine import Database
from migrations.upgrade import upgrade
from tests.own_parts import own_temporal
from tests.turns import InTurns, give_way

# What collecting makes lives until the end: to look through it for garbage, again and again, took a fifth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Gives out files in turns; any other way of giving out tests is left as it is."""
    return InTurns(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_runtest_logstart(nodeid: str) -> None:
    """Before the first test of a file may start what its room shares."""
    give_way(nodeid.partition("::")[0])


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
    """A real Temporal development server in memory."""
    async with own_temporal() as environment:
        yield environment


@pytest.fixture(scope="session", autouse=True)
def _no_outside_settings() -> Iterator[None]:
    """What the developer has exported must not decide a test."""
    names = [name for name in os.environ if name.startswith(("RELANCE_", "TEMPORAL_"))]
    kept = {name: os.environ.pop(name) for name in names}
    yield
    os.environ.update(kept)
