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
FASTEST = 100.0

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """The whole stack."""
    async with running_bench() as bench:
        yield bench


async def bare_starts_per_second(client: Client, count: int) -> float:
    """A loop of starts, as many at once as a launch makes, of a workflow that takes a small model and never runs."""
    gate = asyncio.Semaphore(STARTS_AT_ONCE)

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


async def all_started(house: House, campaign: Campaign) -> bool:
    """Whether every contact of the campaign is launched."""
    statement = "SELECT count(*) FROM enrollments WHERE tenant_id = :tenant AND launched_at IS NULL"
    [(left,)] = await house.rows(statement)
    return int(left) == 0


async def test_a_launch(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    channel = await house.channel(FASTEST)
    pacing = {"delay_seconds": 0, "batch_size": BATCH}
    campaign = await house.campaign(channel, phones=phones(CONTACTS), start=False, pacing=pacing)
    before = await bare_starts_per_second(bench.client, BATCH)
    began = time.monotonic()
    await house.command(campaign, "start")

    async def started() -> bool:
        return await all_started(house, campaign)

    await until(started, "the last enrollment is started", 900)
    seconds = time.monotonic() - began
    await house.command(campaign, "cancel")
    launching = seconds_launching(await house.workflow(campaign).fetch_history())
    after = await bare_starts_per_second(bench.client, BATCH)
    bare = (before + after) / 2
    loop = "a bare loop of starts"
    per_second = CONTACTS / launching
    figures.add("h1", "starts/s while batches are launched", per_second, "/s", (loop, bare), at_least(0.8, "ratio"))
    # A batch waits for the one before it to be out: this is the measure of the sends, and not of the starts.
    figures.add("h2", f"start → the last of {CONTACTS:,} is started", seconds, "s", (loop, CONTACTS / bare))
