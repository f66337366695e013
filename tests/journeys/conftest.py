"""One running house for all journeys; each journey has a tenant of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from db.engine import Database
from domain.ids import inbound_sweep_id
from tests.journeys.building import MakeHouse, running_house, running_simulator
from tests.journeys.house import House


@pytest_asyncio.fixture(scope="package")
async def simulator_url(session_dir: Path) -> AsyncIterator[str]:
    """The simulated platform's address."""
    async with running_simulator(session_dir / "simulator") as url:
        yield url


@pytest_asyncio.fixture(scope="package")
async def houses(
    temporal: WorkflowEnvironment, database: Database, database_url: str, session_dir: Path, simulator_url: str
) -> AsyncIterator[MakeHouse]:
    """Makes houses."""
    place = session_dir / "house"
    async with running_house(temporal.client, database, database_url, place, simulator_url) as make:
        yield make
    # With nobody left to sweep, each of its turns would only be work for the server.
    await temporal.client.get_schedule_handle(inbound_sweep_id()).delete()


@pytest_asyncio.fixture
async def house(houses: MakeHouse) -> House:
    """A tenant's view of the running house; nobody answers and nothing fails until a test says so."""
    return await houses()
