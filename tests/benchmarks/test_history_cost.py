"""d: what an enrollment leaves on the Temporal server, by the path it takes: events, bytes and billable actions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from tests.benchmarks.bare_workflow import QUEUE, Bare
from tests.benchmarks.billing import billed
from tests.benchmarks.figures import Bound, Figures, at_most
from tests.benchmarks.programs import line_of, module, running_program
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.benchmarks.waiting import WAITING_EVENTS
from tests.journeys.house import Campaign, House
from tests.waiting import until

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(120)]

Path = Callable[[House], Awaitable[Campaign]]
Handle = WorkflowHandle[Any, Any]


async def reply(house: House) -> Campaign:
    """Message 1, a reply, Message 2."""
    campaign = await house.campaign(await house.channel(), phones=phones(1))
    await house.until_count(campaign, "out", 1)
    await house.write(campaign.channel, campaign.phones[0], "Yes")
    return campaign


async def no_reply(house: House) -> Campaign:
    """Message 1, and silence until the window is over."""
    campaign = await house.campaign(await house.channel(), phones=phones(1), reply_window_seconds=2)
    await house.until_count(campaign, "no_reply", 1)
    return campaign


async def held_and_released(house: House) -> Campaign:
    """Paused before Message 1 was sent, resumed, then a reply."""
    campaign = await house.campaign(
        await house.channel(), phones=phones(2), pacing={"delay_seconds": 2, "batch_size": 2}
    )
    await house.until_count(campaign, "out", 1)
    await house.command(campaign, "pause")
    await house.until_count(campaign, "held", 1)
    await house.command(campaign, "resume")
    await house.until_count(campaign, "out", 2)
    contacts = await house.contacts(campaign)
    campaign.phones.sort(key=lambda phone: contacts[phone]["message_1"]["sent_at"], reverse=True)
    for phone in campaign.phones:
        await house.write(campaign.channel, phone, "Yes")
    return campaign


async def failed(house: House) -> Campaign:
    """The platform takes the number for a wrong one."""
    await house.fault({"kind": "reject", "status": 400})
    campaign = await house.campaign(await house.channel(), phones=phones(1))
    await house.until_count(campaign, "failed", 1)
    await house.fault()
    return campaign


async def stopped(house: House) -> Campaign:
    """The campaign is cancelled while the contact waits."""
    campaign = await house.campaign(await house.channel(), phones=phones(1))
    await house.until_count(campaign, "out", 1)
    await house.command(campaign, "cancel")
    return campaign


PATHS: list[tuple[str, Path, Bound | None]] = [
    ("reply", reply, at_most(23)),
    ("no reply", no_reply, at_most(19)),
    ("held and released", held_and_released, None),
    ("failed", failed, None),
    ("stopped", stopped, None),
]


MEASURED = (("events", ""), ("size", "bytes"), ("billed", "actions"))


@dataclass(frozen=True)
class Cost:
    """What one workflow leaves behind."""

    events: int
    size: int
    billed: float

    @classmethod
    async def of(cls, handle: Handle) -> "Cost":
        """Of a workflow that ends by itself."""
        await handle.result()
        history = await handle.fetch_history()
        size = (await handle.describe()).raw_description.workflow_execution_info.history_size_bytes
        return cls(len(history.events), size, billed(history.events))


async def bare_cost(bench: Bench, path: str, window_seconds: float) -> Cost:
    """The same of the bare workflow."""
    log = bench.stack.data_dir / "logs" / "bare.log"
    command = module("tests.benchmarks.bare_worker", bench.stack.addresses.temporal)
    async with running_program(*command, environment=bench.stack.environment, log=log, pipes=True) as worker:
        assert await line_of(worker, log) == "ready"
        handle = await bench.client.start_workflow(Bare.run, window_seconds, id=f"bare/{path}", task_queue=QUEUE)

        async def waits() -> bool:
            return (await handle.describe()).history_length >= WAITING_EVENTS

        await until(waits, "the bare workflow waits")
        if path == "reply":
            await handle.signal(Bare.reply_received)
        return await Cost.of(handle)


async def test_events_bytes_and_actions_of_each_path(figures: Figures) -> None:
    async with running_bench() as bench:
        bare = {"reply": await bare_cost(bench, "reply", 60), "no reply": await bare_cost(bench, "no reply", 1)}
        house = await bench.house()
        for number, (name, path, bound) in enumerate(PATHS):
            campaign = await path(house)
            cost = await Cost.of(await house.enrollment(campaign, campaign.phones[0]))
            against = bare.get(name)
            for index, (what, unit) in enumerate(MEASURED, start=1):
                limit = bound if what == "events" else None
                baseline = None if against is None else ("bare workflow", float(getattr(against, what)))
                figures.add(f"d{3 * number + index}", f"{name}: {what}", getattr(cost, what), unit, baseline, limit)
