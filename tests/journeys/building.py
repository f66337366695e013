"""Building the house: API and workers in this process, the simulator beside it, over PostgreSQL and Temporal."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client

from api.app import create_app
from api.serving import KEEP_ALIVE_SECONDS
from cli.stack.probes import answers, free_port, trusted
from db.api_keys import key_row, make_key
from db.bootstrap import OWNER_SCOPES
from db.engine import Database
from db.secrets import SecretBox
from db.tables import Tenant
from settings import Settings, fernet_keys
from simulator.server import GuestServer
from tests.journeys.house import House
from tests.waiting import until
from worker import running_workers
from workflows.handles import Workflows

SIMULATOR_SEED = 7

MakeHouse = Callable[[], Awaitable[House]]
Working = Callable[[Client, Database, Settings], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def serving_api(app: FastAPI, port: int) -> AsyncIterator[str]:
    """The API on a loopback port."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = GuestServer(config)
    serving_task = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.up.wait(), 10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving_task


def house_settings(database_url: str, place: Path, simulator_url: str) -> Settings:
    """Short waits, so that a journey takes seconds."""
    return Settings(
        api_port=free_port(),
        data_dir=place,
        database_url=SecretStr(database_url),
        secret_keys=SecretStr(Fernet.generate_key().decode()),
        wassenger_url=simulator_url,
        send_timeout_seconds=3,
        settle_grace_seconds=1,
        unprocessed_after_seconds=1,
        sweep_interval_seconds=1,
    )


def api_of(database: Database, workflows: Workflows, settings: Settings) -> FastAPI:
    """An API process of the house."""
    return create_app(database, workflows, SecretBox(fernet_keys(settings)), public_url=settings.public_url)


@asynccontextmanager
async def running_simulator(place: Path) -> AsyncIterator[str]:
    """The simulated platform in a process of its own, whose clock no work of ours can hold up; gives its address."""
    port = free_port()
    arguments = ["-m", "simulator", "--port", str(port), "--data-dir", str(place), "--seed", str(SIMULATOR_SEED)]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        await until(lambda: answers(f"{url}/healthz"), "the simulator answers", within=20)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def running_house(
    client: Client,
    database: Database,
    database_url: str,
    place: Path,
    simulator_url: str,
    working: Working = running_workers,
) -> AsyncIterator[MakeHouse]:
    """API and workers; gives a maker of houses, each with a tenant of its own."""
    async with AsyncExitStack() as stack:
        settings = house_settings(database_url, place, simulator_url)
        app = api_of(database, Workflows(client), settings)
        api_url = await stack.enter_async_context(serving_api(app, settings.api_port))
        await stack.enter_async_context(working(client, database, settings))
        control = await stack.enter_async_context(
            httpx.AsyncClient(base_url=simulator_url, timeout=30, verify=trusted())
        )

        async def make() -> House:
            tenant_id, key = await new_tenant(database)
            api = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=api_url, headers={"Authorization": f"Bearer {key}"}, timeout=30, verify=trusted()
                )
            )
            house = House(tenant_id, api, control, client, database, settings)
            await house.behave()
            await house.fault()
            return house

        yield make


async def new_tenant(database: Database) -> tuple[UUID, str]:
    """A tenant of its own and its owner's key."""
    tenant = Tenant(name="Test tenant")
    key = make_key()
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        session.add(key_row(tenant.id, "owner", key, OWNER_SCOPES))
    return tenant.id, key
