"""Every path of every workflow, told once each against doubles of its ports."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain import ids
from domain.deliveries import ReceiptOutcome
from tests.replay.campaign_stories import CAMPAIGN_STORIES, LONG_CAMPAIGN_STORIES, STEADY_CAMPAIGN_STORIES
from tests.replay.enrollment_stories import ENROLLMENT_STORIES
from tests.replay.world import Handle, World, until_it_waits
from tests.workflows.doubles import ended, held, sent
from workflows.channel_check import ChannelCheck
from workflows.channel_release import ChannelRelease
from workflows.inbound_sweep import InboundSweep
from workflows.ports import CheckRequest, ReleaseRequest, SweepRequest
from workflows.single_delivery import SingleDelivery


async def channel_check(world: World) -> Handle:
    return await world.client.start_workflow(
        ChannelCheck.run,
        CheckRequest(tenant_id=uuid4(), platform="wassenger", credentials="sealed"),
        id=ids.channel_check_workflow_id(uuid4()),
        task_queue=ids.TASK_QUEUE,
    )


async def channel_release(world: World) -> Handle:
    channel_id = uuid4()
    return await world.client.start_workflow(
        ChannelRelease.run,
        ReleaseRequest(tenant_id=uuid4(), channel_id=channel_id),
        id=ids.channel_release_workflow_id(channel_id),
        task_queue=ids.TASK_QUEUE,
    )


async def inbound_sweep(world: World) -> Handle:
    return await world.client.start_workflow(
        InboundSweep.run, SweepRequest(), id=ids.inbound_sweep_id(), task_queue=ids.TASK_QUEUE
    )


async def single_delivery_sent(world: World) -> Handle:
    return await world.send_single()


async def single_delivery_held_and_released(world: World) -> Handle:
    world.deliveries.answers = [held(reason="The channel is paused."), sent]
    handle = await world.send_single()
    await until_it_waits(handle)
    await handle.signal(SingleDelivery.release)
    return handle


async def single_delivery_held_for_a_time(world: World) -> Handle:
    until = datetime.now(UTC) + timedelta(seconds=4)
    world.deliveries.answers = [held(until, "The send window is closed."), sent]
    return await world.send_single()


async def single_delivery_unknown_settled(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost."), sent]
    handle = await world.send_single()
    await until_it_waits(handle)
    await handle.signal(SingleDelivery.release)
    return handle


Story = Callable[[World], Awaitable[Handle]]

SMALL: list[Story] = [
    channel_check,
    channel_release,
    inbound_sweep,
    single_delivery_sent,
    single_delivery_held_and_released,
    single_delivery_held_for_a_time,
    single_delivery_unknown_settled,
]
ORDINARY: list[Story] = [*ENROLLMENT_STORIES, *CAMPAIGN_STORIES, *SMALL]
IMPATIENT: list[Story] = [*LONG_CAMPAIGN_STORIES]

STORIES = [*ORDINARY, *IMPATIENT]
"""Each is told to its end; the name of the function is the name of its history."""

STEADY: list[Story] = [*ENROLLMENT_STORIES, *STEADY_CAMPAIGN_STORIES, *SMALL]
"""Short, and the same in every telling: no step of theirs depends on which of two things comes first."""
