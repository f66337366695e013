"""h: how fast a campaign's enrollments are started, against a bare loop of starts on the same server."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from activities.campaigns import STARTS_AT_ONCE
from tests.benchmarks.figures import Figures, at_least
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.journeys.house import Campaign, House
from tests.waiting import until

CONTACTS = int(os.environ.get("RELANCE_BENCH_LAUNCH", "10000"))
BATCH = 1_000
"""The most that the API allows."""

NOBODY = "a queue that nobody polls"
CROWD = 20
"""So many starts at once as a launch once made, before replies that came meanwhile counted for more."""

FASTEST = 100.0
SLOWEST = 1.0
"""So few sends that the starts have the machine to themselves."""

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """The whole stack."""
    async with running_bench() as bench:
        yield bench


async def bare_starts_per_second(client: Client, count: int, at_once: int = STARTS_AT_ONCE) -> float:
    """A loop of starts, by default as many at once as a launch makes, of a workflow that takes a small model and never
    runs."""
    gate = asyncio.Semaphore(at_once)

    async def start() -> None:
        async with gate:
            await client.start_workflow(
                "Trivial",
                {"contact": str(uuid4())},
                id=f"trivial/{uuid4()}",
                task_queue=NOBODY,
                execution_timeout=timedelta(minutes=10),
            )

    began = time.monotonic()
    async with asyncio.TaskGroup() as starts:
        for _ in range(count):
            starts.create_task(start())
    return count / (time.monotonic() - began)


def seconds_launching(history: WorkflowHistory) -> float:
    """How long the campaign's launches ran, from the server's own times: a batch waits for the one before it."""
    asked = {
        event.event_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        and event.activity_task_scheduled_event_attributes.activity_type.name == "campaigns.launch"
    }
    seconds = 0.0
    by_id = {event.event_id: event for event in history.events}
    for event in history.events:
        done = event.activity_task_completed_event_attributes
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED and done.scheduled_event_id in asked:
            began = by_id[done.scheduled_event_id].event_time.ToDatetime()
            seconds += (event.event_time.ToDatetime() - began).total_seconds()
    return seconds


async def all_started(house: House) -> bool:
    """Whether every contact of the house is launched."""
    statement = "SELECT count(*) FROM enrollments WHERE tenant_id = :tenant AND launched_at IS NULL"
    [(left,)] = await house.rows(statement)
    return int(left) == 0


async def cancelled_launch_seconds(house: House, campaign: Campaign) -> float:
    """Ends a campaign whose contacts are all started; returns how long its launches ran."""
    await house.command(campaign, "cancel")
    return seconds_launching(await house.workflow(campaign).fetch_history())


async def launched(house: House, rate: float, contacts: int, delay: float, first_phone: int) -> tuple[Campaign, float]:
    """A campaign and the seconds from its start to the last enrollment started."""
    pacing = {"delay_seconds": delay, "batch_size": BATCH}
    people = phones(contacts, first_phone)
    campaign = await house.campaign(await house.channel(rate), phones=people, start=False, pacing=pacing)
    began = time.monotonic()
    await house.command(campaign, "start")
    await until(lambda: all_started(house), "the last enrollment is started", 900)
    return campaign, time.monotonic() - began


async def test_a_batch_that_is_launched(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    before = await bare_starts_per_second(bench.client, BATCH)
    crowd_before = await bare_starts_per_second(bench.client, BATCH, CROWD)
    campaign, _ = await launched(house, SLOWEST, BATCH, delay=1 / SLOWEST, first_phone=0)
    per_second = BATCH / await cancelled_launch_seconds(house, campaign)
    after = await bare_starts_per_second(bench.client, BATCH)
    crowd_after = await bare_starts_per_second(bench.client, BATCH, CROWD)
    loop = ("a bare loop of starts, one at a time", (before + after) / 2)
    crowd = (f"a bare loop of {CROWD} starts at once", (crowd_before + crowd_after) / 2)
    figures.add("h1", f"starts/s of a batch of {BATCH:,}", per_second, "/s", loop, at_least(0.8, "ratio"))
    figures.add("h4", f"starts/s of a batch of {BATCH:,}, the same", per_second, "/s", crowd, at_least(0.8, "ratio"))


async def test_a_launch_whose_batches_wait_for_one_another(figures: Figures, bench: Bench) -> None:
    """A batch waits until the one before it is nearly out: this measures the sends as much as the starts."""
    house = await bench.house()
    bare = await bare_starts_per_second(bench.client, BATCH)
    campaign, seconds = await launched(house, FASTEST, CONTACTS, delay=0, first_phone=BATCH)
    launching = await cancelled_launch_seconds(house, campaign)
    loop = ("a bare loop of starts", CONTACTS / bare)
    figures.add("h2", f"start → the last of {CONTACTS:,} is started", seconds, "s", loop)
    figures.add("h3", f"of that, launches of {CONTACTS:,} beside sends", launching, "s", loop)
