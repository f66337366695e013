"""One fleet for all tests of this room; who kills a process of it starts it again. And one installation to look at."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest_asyncio
from cryptography.fernet import Fernet

from cli.stack.probes import free_port
from cli.stack.stack import running_stack
from db.engine import Database
from settings import Settings
from tests.journeys.house import House
from tests.operations.fleet import Fleet, connected
from tests.operations.installation import Installation
from tests.operations.seen import Seen, look
from tests.operations.sentry import Sentry, listening
from tests.own_parts import own_database, own_temporal
from tests.waiting import until

BENEATH = ("postgres", "temporal", "simulator", "migrations")
SHORT = {
    "RELANCE_SEND_TIMEOUT_SECONDS": "3",
    "RELANCE_SETTLE_GRACE_SECONDS": "1",
    "RELANCE_UNPROCESSED_AFTER_SECONDS": "1",
    "RELANCE_SWEEP_INTERVAL_SECONDS": "1",
}


@pytest_asyncio.fixture(scope="package")
async def sentry() -> AsyncIterator[Sentry]:
    """Where the fleet's processes report errors to."""
    async with listening() as sentry:
        yield sentry


@pytest_asyncio.fixture(scope="package")
async def fleet(sentry: Sentry) -> AsyncIterator[Fleet]:
    """Two workers and two APIs, each a process of its own."""
    with TemporaryDirectory(prefix="relance-fleet-") as name:
        settings = Settings(
            data_dir=Path(name) / "data",
            api_port=free_port(),
            temporal_port=free_port(),
            temporal_ui_port=free_port(),
            simulator_port=free_port(),
        )
        async with running_stack(settings, BENEATH, fast=True) as stack:
            keys = {
                "RELANCE_SECRET_KEYS": Fernet.generate_key().decode(),
                "RELANCE_SENTRY_DSN": sentry.dsn,
                "RELANCE_SENTRY_ENVIRONMENT": "tests",
            }
            database, client = await connected(stack)
            fleet = Fleet(stack, [], [], database, client, {**stack.environment, **SHORT, **keys})
            fleet.workers += [fleet.program("worker") for _ in range(2)]
            fleet.apis += [fleet.program("api") for _ in range(2)]
            programs = [*fleet.workers, *fleet.apis]
            try:
                await asyncio.gather(*(program.start() for program in programs))
                yield fleet
            finally:
                await asyncio.gather(*(program.stop() for program in programs))
                await database.close()


@pytest_asyncio.fixture
async def house(fleet: Fleet) -> AsyncIterator[House]:
    """A tenant of its own, at the first API, once everything is there."""

    async def ready() -> bool:
        return (await fleet.apis[0].get("/readyz")).is_success

    await until(ready, "the fleet is ready")
    house = await fleet.house()
    yield house
    await house.api.aclose()
    await house.simulator.aclose()


@pytest_asyncio.fixture(scope="package")
async def seen(database_url: str) -> AsyncIterator[Seen]:
    """What an installation in this process has shown, in good times and in bad ones."""
    async with own_database(database_url, "operations") as url, own_temporal() as worked, own_temporal() as idle:
        database = Database.connect(url)
        try:
            shown = await look(Installation(url, database), worked.client, idle.client)
        finally:
            await database.close()
    yield shown
