"""A worker process is killed with -9 in the middle of a real request; the next one finishes: one message (F02)."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from db.engine import Database
from simulator.app import SimulatorConfig
from simulator.server import serving
from tests.ledger_world import KEY, SECRETS, Person, World, until

PROGRAM = Path(__file__).with_name("lone_sender.py")


@pytest_asyncio.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A platform on a real socket."""
    async with serving(SimulatorConfig(data_dir=tmp_path, seed=7)) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def accepted(simulator: httpx.AsyncClient, person: Person) -> list[dict[str, Any]]:
    """The messages that the platform took for this person."""
    rows = (await simulator.get("/control/messages", params={"phone": person.phone})).json()
    items: list[dict[str, Any]] = rows["items"] if isinstance(rows, dict) else rows
    return [row for row in items if row.get("accepted", True)]


async def start(database_url: str, simulator: httpx.AsyncClient, person: Person) -> Process:
    """A worker process that sends Message 1."""
    arguments = (database_url, str(simulator.base_url).rstrip("/"), KEY, person.message_1().model_dump_json())
    program = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(PROGRAM), *arguments, stdout=PIPE)


@pytest.mark.parametrize(
    ("fault", "taken_when_killed"), [("delay", 0), ("accept_then_delay", 1)], ids=["not yet taken", "taken"]
)
async def test_a_worker_killed_in_the_middle_of_a_request_leaves_one_message(
    database: Database, database_url: str, simulator: httpx.AsyncClient, fault: str, taken_when_killed: int
) -> None:
    credentials = SECRETS.seal_document({"token": f"token-{uuid4().hex}", "device_id": uuid4().hex[:24]})
    world = await World.make(database, credentials=credentials)
    person = await world.person()
    rule = {"kind": fault, "seconds": 0.8, "match": {"phone": person.phone, "next_n": 1}}
    (await simulator.put("/control/faults", json={"rules": [rule]})).raise_for_status()

    first = await start(database_url, simulator, person)

    async def in_the_middle() -> bool:
        return await person.status() == "sending" and len(await accepted(simulator, person)) == taken_when_killed

    await until(in_the_middle)
    first.send_signal(signal.SIGKILL)
    assert await first.wait() == -signal.SIGKILL
    assert await person.status() == "sending"

    second = await start(database_url, simulator, person)
    printed, _ = await asyncio.wait_for(second.communicate(), 30)

    assert (second.returncode, printed) == (0, b"sent")
    assert len(await accepted(simulator, person)) == 1
    assert (await person.enrollment()).status == "sent"
