"""The main paths of every workflow, told once each against doubles of its ports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from domain import ids
from domain.campaigns import PROBE_FAILED, PROBE_PASSED, CampaignInput, CampaignRef, ChangePacing
from domain.deliveries import DeliveryRequest, ReceiptOutcome
from domain.pacing import Pacing
from domain.signals import ReplyReceived, StopRequest
from domain.statuses import CampaignStatus, DeliveryKind
from tests.workflows.doubles import (
    RememberedCampaigns,
    RememberedDeliveries,
    RememberedEnrollments,
    RememberedHolds,
    RememberedInbound,
    ended,
    held,
    sent,
)
from workflows.campaign import Campaign
from workflows.channel_release import ChannelRelease
from workflows.enrollment import Enrollment
from workflows.inbound_sweep import InboundSweep
from workflows.ports import EnrollmentInput, EnrollmentRef, ReleaseRequest, SweepRequest
from workflows.registry import WORKFLOWS
from workflows.single_delivery import SingleDelivery

Handle = WorkflowHandle[Any, Any]

SHORT_WINDOW_SECONDS, LONG_WINDOW_SECONDS = 0.2, 60.0
QUICK = Pacing(delay_seconds=0.01, batch_size=10)


@dataclass
class World:
    """The doubles that one story is told with."""

    client: Client
    deliveries: RememberedDeliveries = field(default_factory=RememberedDeliveries)
    enrollments: RememberedEnrollments = field(default_factory=RememberedEnrollments)
    campaigns: RememberedCampaigns = field(default_factory=lambda: RememberedCampaigns(30, QUICK))
    holds: RememberedHolds = field(default_factory=lambda: RememberedHolds(held_now=2))
    inbound: RememberedInbound = field(default_factory=RememberedInbound)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workers on both queues."""
        campaigns = self.campaigns
        records: list[Callable[..., Any]] = [
            self.enrollments.close,
            campaigns.plan,
            campaigns.launch,
            campaigns.take_stock,
            campaigns.mark,
            campaigns.requeue_failed,
            campaigns.stop_open,
            self.holds.release,
            self.inbound.sweep,
        ]
        ordinary = Worker(self.client, task_queue=ids.TASK_QUEUE, workflows=WORKFLOWS, activities=records)
        sending = Worker(self.client, task_queue=ids.SEND_TASK_QUEUE, activities=[self.deliveries.send])
        async with ordinary, sending:
            yield

    async def enroll(self, window_seconds: float = LONG_WINDOW_SECONDS) -> Handle:
        """Starts one contact's campaign."""
        at = EnrollmentRef(tenant_id=uuid4(), campaign_id=uuid4(), contact_id=uuid4())
        return await self.client.start_workflow(
            Enrollment.run,
            EnrollmentInput(enrollment=at, channel_id=uuid4(), rate_per_second=1, reply_window_seconds=window_seconds),
            id=ids.enrollment_workflow_id(at.campaign_id, at.contact_id),
            task_queue=ids.TASK_QUEUE,
        )

    async def start_campaign(self, *, reopen: bool = False) -> Handle:
        """Starts a campaign."""
        campaign = CampaignRef(tenant_id=uuid4(), campaign_id=uuid4(), reopen=reopen)
        return await self.client.start_workflow(
            Campaign.run,
            CampaignInput(campaign=campaign),
            id=ids.campaign_workflow_id(campaign.campaign_id),
            task_queue=ids.TASK_QUEUE,
        )


async def enrollment_reply(world: World) -> Handle:
    handle = await world.enroll()
    await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
    return handle


async def enrollment_no_reply(world: World) -> Handle:
    world.deliveries.answers = [lambda request: sent(request).model_copy(update={"reply_deadline": None})]
    return await world.enroll(SHORT_WINDOW_SECONDS)


async def enrollment_reply_found_at_the_end(world: World) -> Handle:
    world.enrollments.recorded_reply = uuid4()
    return await enrollment_no_reply(world)


async def enrollment_held_and_released(world: World) -> Handle:
    world.deliveries.answers = [held(reason="The campaign is paused."), sent]
    handle = await world.enroll()
    await world.deliveries.until_asked(1)
    await handle.signal(Enrollment.release)
    await handle.signal(Enrollment.reply_received)
    return handle


async def enrollment_stopped_while_held(world: World) -> Handle:
    world.deliveries.answers = [held(reason="The campaign is paused.")]
    handle = await world.enroll()
    await world.deliveries.until_asked(1)
    await handle.signal(Enrollment.stop, StopRequest(reason="cancelled"))
    return handle


async def enrollment_failed(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.FAILED, "The number has no account.")]
    return await world.enroll()


async def enrollment_unknown(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost.")]
    return await world.enroll(SHORT_WINDOW_SECONDS)


async def campaign_completed(world: World) -> Handle:
    return await world.start_campaign()


async def campaign_paused_and_resumed(world: World) -> Handle:
    world.campaigns.pacing = Pacing(delay_seconds=0.3, batch_size=10)
    handle = await world.start_campaign()
    await handle.execute_update(Campaign.pause)
    await handle.execute_update(Campaign.change_pacing, ChangePacing(pacing=QUICK))
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_tripped_and_probed_twice(world: World) -> Handle:
    campaigns = world.campaigns
    campaigns.errored, campaigns.probe = 5, PROBE_FAILED
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    await handle.execute_update(Campaign.resume)
    await campaigns.until_marked(CampaignStatus.PAUSED, 2)
    campaigns.errored, campaigns.probe = 0, PROBE_PASSED
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_cancelled(world: World) -> Handle:
    world.campaigns.pacing = Pacing(delay_seconds=1, batch_size=10)
    handle = await world.start_campaign()
    await handle.execute_update(Campaign.cancel)
    return handle


async def campaign_retried_while_running(world: World) -> Handle:
    world.campaigns.failed = 4
    handle = await world.start_campaign()
    await handle.execute_update(Campaign.retry_failed)
    return handle


async def campaign_reopened(world: World) -> Handle:
    world.campaigns.waiting, world.campaigns.failed = 0, 4
    return await world.start_campaign(reopen=True)


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


async def single_delivery_held_and_released(world: World) -> Handle:
    world.deliveries.answers = [held(reason="The channel is paused."), sent]
    delivery_id: UUID = uuid4()
    handle = await world.client.start_workflow(
        SingleDelivery.run,
        DeliveryRequest(
            tenant_id=uuid4(),
            channel_id=uuid4(),
            contact_id=uuid4(),
            kind=DeliveryKind.TEST,
            idempotency_key=ids.test_send_key(delivery_id),
        ),
        id=ids.single_delivery_workflow_id(delivery_id),
        task_queue=ids.TASK_QUEUE,
    )
    await world.deliveries.until_asked(1)
    await handle.signal(SingleDelivery.release)
    return handle


Story = Callable[[World], Awaitable[Handle]]

STORIES: list[Story] = [
    enrollment_reply,
    enrollment_no_reply,
    enrollment_reply_found_at_the_end,
    enrollment_held_and_released,
    enrollment_stopped_while_held,
    enrollment_failed,
    enrollment_unknown,
    campaign_completed,
    campaign_paused_and_resumed,
    campaign_tripped_and_probed_twice,
    campaign_cancelled,
    campaign_retried_while_running,
    campaign_reopened,
    channel_release,
    inbound_sweep,
    single_delivery_held_and_released,
]
"""Each is told to its end; the name of the function is the name of its history."""
