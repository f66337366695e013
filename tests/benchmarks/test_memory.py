"""e: what many waiting contacts cost in memory, and how soon a worker that knows nothing answers one of them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.benchmarks.figures import Figures, at_most
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.benchmarks.usage import Memory
from tests.benchmarks.waiting import waiting_campaign
from tests.journeys.house import Campaign, House
from tests.waiting import until

WAITING = int(os.environ.get("RELANCE_BENCH_WAITING", "50000"))
"""Each is a real workflow, and the development server makes some eighty of them a second."""

A_FEW = 5_000
AT_ONCE = 5_000
AT_REST = 0.3
"""Processor seconds of a part in two seconds; idle ones poll and keep their clocks."""

WORKER_MAY_GROW_MB = 50.0
FAST = 100.0
PARTS = ("worker", "temporal", "postgres")

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600 + WAITING // 20)]


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """A stack on which nothing has happened yet."""
    async with running_bench() as bench:
        yield bench


def megabytes(memory: Memory, part: str) -> float:
    """Proportional set size: what PostgreSQL's processes share is counted once."""
    return memory.proportional[part] / 1e6


def note(figures: Figures, first: int, waiting: int, memory: Memory, idle: Memory) -> None:
    """A row for each part, beside the same part at rest."""
    for number, part in enumerate(PARTS):
        grown = megabytes(memory, part) - megabytes(idle, part)
        bound = at_most(WORKER_MAY_GROW_MB) if part == "worker" and waiting else None
        what = f"memory (PSS) of {part}, {waiting:,} waiting: more than idle"
        figures.add(f"e{first + number}", what, grown, "MB", ("idle", megabytes(idle, part)), bound)


async def test_memory_and_a_cold_start(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    channel = await house.channel(FAST)
    await quiet(bench)
    idle = bench.memory()
    note(figures, 1, 0, idle, idle)
    campaigns: list[Campaign] = []
    for done in range(0, WAITING, AT_ONCE):
        count = min(AT_ONCE, WAITING - done)
        began = time.monotonic()
        campaigns.append(await waiting_campaign(bench, house, channel, phones(count, done)))
        await quiet(bench)
        memory = bench.memory()
        told = ", ".join(f"{part} {megabytes(memory, part):.0f} MB" for part in PARTS)
        print(f"{done + count:,} wait ({count / (time.monotonic() - began):.0f}/s): {told}", flush=True)
        if done + count == A_FEW < WAITING:
            note(figures, 4, A_FEW, memory, idle)
    note(figures, 7, WAITING, bench.memory(), idle)
    first, second = campaigns[0].phones[:2]
    bench.stack.kill("worker")
    down = await seconds_to_message_2(house, campaigns[0], first)
    figures.add("e10", "reply → Message 2, the worker killed at that moment", down, "s")
    ready = times_ready(bench)
    bench.stack.kill("worker")

    async def again() -> bool:
        return times_ready(bench) > ready

    await until(again, "the worker is ready again", 120)
    cold = await seconds_to_message_2(house, campaigns[0], second)
    figures.add("e11", "reply → Message 2, the worker just started again, its caches empty", cold, "s")


def times_ready(bench: Bench) -> int:
    """How often a worker of the stack said that it is ready."""
    return (bench.stack.settings.data_dir / "logs" / "worker.log").read_text().count("worker ready")


async def quiet(bench: Bench) -> None:
    """Waits until the parts are at rest, so that what they free is freed."""

    async def at_rest() -> bool:
        before = bench.spent()
        await asyncio.sleep(2)
        spent = bench.spent().since(before)
        return max(spent.seconds[part] for part in PARTS) < AT_REST

    await until(at_rest, "the parts are at rest", 120)


async def seconds_to_message_2(house: House, campaign: Campaign, phone: str) -> float:
    """From a reply to the first message that follows it, by the platform's log."""
    written = await house.write(campaign.channel, phone, "Yes")

    async def answered() -> bool:
        return bool(await house.received(campaign.channel, phone))

    await until(answered, "Message 2 is at the platform", 120)
    [message] = await house.received(campaign.channel, phone)
    return float(message["at"]) - written
