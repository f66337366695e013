"""`kill -9` of each part, and of all at once, in the middle of the demo, judged by the platform's own log."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from cli.demo.runs import load_run
from cli.stack.probes import free_port, trusted
from cli.stack.state import read_api_key
from tests.waiting import until

RELANCE = str(Path(sys.executable).with_name("relance"))
PEOPLE = 50
SENT_BETWEEN_KILLS = 10
PARTS = ["worker", "api", "temporal", "postgres"]
STORM_PEOPLE = 1000
STORM_KILLS = 20


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty data directory that PostgreSQL's own user can reach."""
    with TemporaryDirectory(prefix="relance-kill-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """Ports and data that meet no other stack; a short lease, so that a dead attempt is soon settled."""
    ports = {
        name: str(free_port())
        for name in (
            "RELANCE_API_PORT",
            "RELANCE_TEMPORAL_PORT",
            "RELANCE_TEMPORAL_UI_PORT",
            "RELANCE_SIMULATOR_PORT",
        )
    }
    short = {"RELANCE_SEND_TIMEOUT_SECONDS": "3", "RELANCE_SETTLE_GRACE_SECONDS": "2"}
    return {**os.environ, **ports, **short, "RELANCE_DATA_DIR": str(place / "data")}


def people(place: Path, count: int) -> Path:
    """A list of people with numbers that are kept for fiction."""
    rows = [f"+3363998{number:04d},Person {number}" for number in range(count)]
    path = place / "people.csv"
    path.write_text("phone,first_name\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def contacts(place: Path) -> Path:
    """A small list of people."""
    return people(place, PEOPLE)


def said(environment: dict[str, str]) -> Path:
    """Where the commands' words go."""
    return Path(environment["RELANCE_DATA_DIR"]).with_name("said.log")


@asynccontextmanager
async def relance(environment: dict[str, str], *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `relance` command that is ended with the block."""
    with said(environment).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            RELANCE, *words, env=environment, stdout=log, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 40)


def stack_pids(data: Path) -> dict[str, int]:
    """The process ids of the stack's parts, as it wrote them down."""
    state: dict[str, Any] = json.loads((data / "stack.json").read_text())
    return {name: part["pid"] for name, part in state["parts"].items()}


async def look(environment: dict[str, str], data: Path) -> dict[str, Any] | None:
    """The demo's campaign as the API shows it; None while there is no campaign, or no API."""
    run, key = load_run(data), read_api_key(data)
    if run is None or run.campaign_id is None or key is None:
        return None
    address = f"http://127.0.0.1:{environment['RELANCE_API_PORT']}/api/campaigns/{run.campaign_id}"
    try:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, verify=trusted()) as api:
            answer = await api.get(address)
    except httpx.TransportError:
        return None
    shown: dict[str, Any] | None = answer.json() if answer.status_code == httpx.codes.OK else None
    return shown


async def until_under_way(
    demo: asyncio.subprocess.Process, environment: dict[str, str], data: Path, *, sent: int
) -> None:
    """Waits until the campaign has sent so many of its messages; it must have others left."""

    async def some_are_out() -> bool:
        assert demo.returncode is None, (
            f"the demo ended before {sent} were sent:\n{said(environment).read_text()[-3000:]}"
        )
        if (campaign := await look(environment, data)) is None:
            return False
        counts: dict[str, int] = campaign["counts"]
        return sum(counts[state] for state in ("sent", "delivered", "read")) >= sent

    await until(some_are_out, f"{sent} messages are out", 90)


@pytest.mark.timeout(240)
async def test_each_part_killed_in_the_middle_costs_no_message_and_doubles_none(
    environment: dict[str, str], contacts: Path
) -> None:
    data = Path(environment["RELANCE_DATA_DIR"])
    async with relance(environment, "demo", "--contacts", str(contacts), "--window", "6", "--rate", "8") as demo:
        for number, part in enumerate(PARTS, start=1):
            await until_under_way(demo, environment, data, sent=number * SENT_BETWEEN_KILLS)
            os.kill(stack_pids(data)[part], signal.SIGKILL)
        await asyncio.wait_for(demo.wait(), 180)
        assert demo.returncode == 0, said(environment).read_text()[-3000:]


@pytest.mark.timeout(300)
async def test_everything_killed_at_once_finishes_after_up(environment: dict[str, str], contacts: Path) -> None:
    data = Path(environment["RELANCE_DATA_DIR"])
    async with relance(environment, "demo", "--contacts", str(contacts), "--window", "6", "--rate", "8") as demo:
        await until_under_way(demo, environment, data, sent=SENT_BETWEEN_KILLS)
        for pid in [demo.pid, *stack_pids(data).values()]:
            os.kill(pid, signal.SIGKILL)
        await demo.wait()

    async with relance(environment, "up"):

        async def over() -> bool:
            campaign = await look(environment, data)
            return campaign is not None and campaign["status"] == "completed"

        await until(over, "the campaign is completed", 150)
        await until(lambda: verified(environment), "the platform's log agrees", 60)


async def verified(environment: dict[str, str]) -> bool:
    """Whether the interrupted demo is over and the platform's own log agrees with Relance's account."""
    process = await asyncio.create_subprocess_exec(
        RELANCE,
        "demo",
        "--verify",
        "--json",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await asyncio.wait_for(process.communicate(), 60)
    return process.returncode == 0


@pytest.mark.drill
@pytest.mark.timeout(900)
async def test_twenty_kills_of_random_parts_during_a_thousand_sends(place: Path, environment: dict[str, str]) -> None:
    data = Path(environment["RELANCE_DATA_DIR"])
    seed = int(os.environ.get("RELANCE_TEST_SEED", "20261120"))
    chance = random.Random(seed)
    words = ["demo", "--contacts", str(people(place, STORM_PEOPLE)), "--window", "20", "--rate", "15", "--limit", "800"]
    async with relance(environment, *words) as demo:
        await until_under_way(demo, environment, data, sent=SENT_BETWEEN_KILLS)
        for _ in range(STORM_KILLS):
            await asyncio.sleep(chance.uniform(1, 3))  # the moment of a kill is the fault's own, there is no condition
            part = chance.choice(PARTS)
            if demo.returncode is None and (pid := stack_pids(data).get(part)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await asyncio.wait_for(demo.wait(), 800)
        words_said = said(environment).read_text()
        assert demo.returncode == 0, f"seed {seed}: {words_said[-3000:]}"
        print(f"seed {seed}\n{words_said[-2500:]}")
