"""One running house for all journeys; each journey has a tenant of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from db.engine import Database
from tests.journeys.building import MakeHouse, running_house
from tests.journeys.house import House


@pytest_asyncio.fixture(scope="session")
async def houses(
    temporal: WorkflowEnvironment, database: Database, database_url: str, session_dir: Path
) -> AsyncIterator[MakeHouse]:
    """Makes houses."""
    async with running_house(temporal.client, database, database_url, session_dir / "house") as make:
        yield make


@pytest_asyncio.fixture
async def house(houses: MakeHouse) -> House:
    """A tenant's view of the running house; nobody answers and nothing fails until a test says so."""
    return await houses()
