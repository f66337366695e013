"""c: complete enrollments per second and what each costs, against the bare workflow and against Celery."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.benchmarks.figures import Figures, at_least
from tests.benchmarks.programs import line_of, module, running_program
from tests.benchmarks.stack import Bench, phones, running_bench, running_parts
from tests.benchmarks.usage import Spent, processor_seconds
from tests.journeys.house import House
from tests.waiting import until

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

PEOPLE = 500
MOST_OPEN = 100
"""How many are under way at once: a campaign's batch, and the bare workflow's bound."""

AT_ONCE = {"min_seconds": 0.0, "max_seconds": 0.0}
UNLIMITED = 1000.0


@dataclass(frozen=True)
class Job:
    """How long all of them took, and what the parts spent on them."""

    count: int
    seconds: float
    spent: Spent

    @property
    def per_second(self) -> float:
        """Complete enrollments per second."""
        return self.count / self.seconds

    def each(self, *parts: str) -> float:
        """Processor milliseconds per enrollment, of some parts or of all."""
        return self.spent.milliseconds_each(self.count, *parts)


async def our_job(bench: Bench, house: House, count: int) -> Job:
    """A campaign in which everybody replies at once; judged by the platform's log."""
    await house.behave(reply_share=1.0, delay=AT_ONCE)
    channel = await house.channel(UNLIMITED)
    campaign = await house.campaign(
        channel,
        phones=phones(count),
        start=False,
        reply_window_seconds=86_400,
        pacing={"delay_seconds": 0, "batch_size": MOST_OPEN},
    )
    before, begin = bench.spent(), time.time()
    await house.command(campaign, "start")

    async def all_answered() -> bool:
        return (await house.counts(campaign))["message_2_sent"] == count

    # Asked seldom: what the looking costs is not the job's.
    await until(all_answered, "everybody has Message 2", within=200, longest_pause=2.0)
    spent = bench.spent().since(before)
    posts = await house.received(channel)
    assert Counter(post["phone"] for post in posts) == dict.fromkeys(phones(count), 2)
    assert not await house.doubles(channel)
    return Job(count, max(post["at"] for post in posts) - begin, spent)


async def bare_job(count: int) -> Job:
    """The bare workflow on a Temporal server of its own with the same settings."""
    with TemporaryDirectory() as place:
        path, log = f"{place}/driver.sock", Path(place) / "bare.log"
        async with (
            running_parts({"temporal"}) as stack,
            running_program(
                *module("tests.benchmarks.bare_driver", stack.addresses.temporal, path, str(count), str(MOST_OPEN)),
                environment=stack.environment,
                log=log,
                pipes=True,
            ) as driver,
        ):
            assert await line_of(driver, log) == "ready"
            async with running_program(
                *module("tests.benchmarks.bare_worker", stack.addresses.temporal, path),
                environment=stack.environment,
                log=log,
                pipes=True,
            ) as worker:
                assert await line_of(worker, log) == "ready"
                pids = {"worker": worker.pid, "temporal": stack.pid("temporal"), "driver": driver.pid}
                before = processor_seconds(pids)
                assert driver.stdin is not None
                driver.stdin.write(b"go\n")
                seconds = float(await line_of(driver, log, within=200))
                return Job(count, seconds, processor_seconds(pids).since(before))


@pytest.fixture(scope="module")
async def ours() -> Job:
    """Our job, done once for all comparisons."""
    async with running_bench() as bench:
        house = await bench.house()
        return await our_job(bench, house, PEOPLE)


async def test_enrollments_per_second_and_their_cost(figures: Figures, ours: Job) -> None:
    bare = await bare_job(PEOPLE)
    bound = at_least(0.8, of="ratio")
    figures.add("c1", "complete enrollments", ours.per_second, "/s", ("bare workflow", bare.per_second), bound)
    figures.add(
        "c2",
        "CPU per enrollment, all but simulator",
        ours.each("worker", "temporal", "postgres", "api"),
        "ms",
        ("bare workflow with its driver", bare.each()),
    )
    figures.add("c3", "CPU per enrollment, worker", ours.each("worker"), "ms", ("bare workflow", bare.each("worker")))
    figures.add(
        "c4", "CPU per enrollment, Temporal", ours.each("temporal"), "ms", ("bare workflow", bare.each("temporal"))
    )
    figures.add("c5", "CPU per enrollment, PostgreSQL", ours.each("postgres"), "ms")
    figures.add("c6", "CPU per enrollment, API", ours.each("api"), "ms", ("bare driver", bare.each("driver")))
    figures.add("c7", "CPU per enrollment, simulator", ours.each("simulator"), "ms")
