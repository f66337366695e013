"""One running house for all journeys; each journey has a tenant of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio
from house import House, running_house
from temporalio.testing import WorkflowEnvironment

from db.engine import Database


@pytest_asyncio.fixture(scope="session")
async def houses(
    temporal: WorkflowEnvironment, database: Database, database_url: str, session_dir: Path
) -> AsyncIterator[Callable[[], Awaitable[House]]]:
    """Makes houses."""
    async with running_house(temporal.client, database, database_url, session_dir / "house") as make:
        yield make


@pytest_asyncio.fixture
async def house(houses: Callable[[], Awaitable[House]]) -> House:
    """A tenant's view of the running house; nobody answers and nothing fails until a test says so."""
    return await houses()
