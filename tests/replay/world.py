"""What a story is told with: doubles of every port, workers on both queues, and ways to start a workflow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from domain import ids
from domain.campaigns import CampaignInput, CampaignRef
from domain.deliveries import DeliveryRequest
from domain.pacing import Pacing
from domain.signals import ReplyReceived
from domain.statuses import DeliveryKind
from tests.waiting import until
from tests.workflows.doubles import (
    RememberedCampaigns,
    RememberedChannels,
    RememberedDeliveries,
    RememberedEnrollments,
    RememberedHolds,
    RememberedInbound,
)
from workflows.campaign import Campaign
from workflows.enrollment import Enrollment
from workflows.ports import CampaignPlan, EnrollmentInput, EnrollmentRef, MarkRequest, MarkResult, Stock, StockRequest
from workflows.registry import WORKFLOWS
from workflows.single_delivery import SingleDelivery

Handle = WorkflowHandle[Any, Any]

LONG_WINDOW_SECONDS = 60.0
QUICK = Pacing(delay_seconds=0.01, batch_size=10)


class StagedCampaigns(RememberedCampaigns):
    """A campaign whose steps can be made to wait, and whose enrollments stay open for so many looks."""

    def __init__(self, contacts: int, pacing: Pacing) -> None:
        super().__init__(contacts, pacing)
        self.may_plan = asyncio.Event()
        self.may_plan.set()
        self.may_count = asyncio.Event()
        self.may_count.set()
        self.counting = asyncio.Event()
        self.may_mark = asyncio.Event()
        self.may_mark.set()
        self.marking = asyncio.Event()
        self.looks_while_open = 0
        self.late_errors = 0

    @activity.defn(name="campaigns.plan")
    async def plan(self, campaign: CampaignRef) -> CampaignPlan:
        """The plan, once it may be told."""
        await self.may_plan.wait()
        return await super().plan(campaign)

    @activity.defn(name="campaigns.take_stock")
    async def take_stock(self, request: StockRequest) -> Stock:
        """The stock, once it may be taken."""
        self.counting.set()
        while not self.may_count.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.05)
        stock = await super().take_stock(request)
        if stock.open or stock.attempted:
            return stock
        if self.late_errors:  # of the last batch, after it was judged
            errored, self.late_errors = self.late_errors, 0
            return stock.model_copy(update={"attempted": 2 * errored, "errored": errored})
        if self.looks_while_open:
            self.looks_while_open -= 1
            return stock.model_copy(update={"open": 1})
        return stock

    @activity.defn(name="campaigns.mark")
    async def mark(self, request: MarkRequest) -> MarkResult:
        """Remembers the state, once it may be written."""
        self.marking.set()
        while not self.may_mark.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return await super().mark(request)


@dataclass
class World:
    """The doubles that one story is told with."""

    client: Client
    deliveries: RememberedDeliveries = field(default_factory=RememberedDeliveries)
    enrollments: RememberedEnrollments = field(default_factory=RememberedEnrollments)
    campaigns: StagedCampaigns = field(default_factory=lambda: StagedCampaigns(30, QUICK))
    holds: RememberedHolds = field(default_factory=lambda: RememberedHolds(held_now=2))
    inbound: RememberedInbound = field(default_factory=RememberedInbound)
    channels: RememberedChannels = field(default_factory=RememberedChannels)

    @property
    def records(self) -> list[Callable[..., Any]]:
        """The ordinary activities."""
        campaigns = self.campaigns
        return [
            self.enrollments.close,
            campaigns.plan,
            campaigns.launch,
            campaigns.take_stock,
            campaigns.mark,
            campaigns.requeue_failed,
            campaigns.stop_open,
            self.holds.release,
            self.inbound.sweep,
            self.channels.check,
        ]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workers on both queues."""
        ordinary = Worker(self.client, task_queue=ids.TASK_QUEUE, workflows=WORKFLOWS, activities=self.records)
        sending = Worker(self.client, task_queue=ids.SEND_TASK_QUEUE, activities=[self.deliveries.send])
        async with ordinary, sending:
            yield

    async def enroll(
        self,
        window_seconds: float = LONG_WINDOW_SECONDS,
        *,
        start_delay: timedelta | None = None,
        replied: bool = False,
    ) -> WorkflowHandle[Enrollment, Any]:
        """Starts one contact's campaign; with the reply already there, as if Message 1 were still in flight."""
        at = EnrollmentRef(tenant_id=uuid4(), campaign_id=uuid4(), contact_id=uuid4())
        return await self.client.start_workflow(
            Enrollment.run,
            EnrollmentInput(enrollment=at, channel_id=uuid4(), rate_per_second=1, reply_window_seconds=window_seconds),
            id=ids.enrollment_workflow_id(at.campaign_id, at.contact_id),
            task_queue=ids.TASK_QUEUE,
            start_delay=start_delay,
            start_signal="reply_received" if replied else None,
            start_signal_args=[ReplyReceived(interaction_id=uuid4())] if replied else [],
        )

    async def start_campaign(self, *, reopen: bool = False) -> WorkflowHandle[Campaign, Any]:
        """Starts a campaign."""
        campaign = CampaignRef(tenant_id=uuid4(), campaign_id=uuid4(), reopen=reopen)
        return await self.client.start_workflow(
            Campaign.run,
            CampaignInput(campaign=campaign),
            id=ids.campaign_workflow_id(campaign.campaign_id),
            task_queue=ids.TASK_QUEUE,
        )

    async def send_single(self) -> WorkflowHandle[SingleDelivery, Any]:
        """Starts a test send."""
        delivery_id: UUID = uuid4()
        return await self.client.start_workflow(
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


async def until_it_waits(handle: Handle) -> None:
    """Waits until a workflow has started a timer."""
    await until_it_saw(handle, EventType.EVENT_TYPE_TIMER_STARTED, 1)


async def until_it_saw(handle: Handle, kind: "EventType.ValueType", times: int) -> None:
    """Waits until so many events of a kind are in a workflow's history."""

    async def enough() -> bool:
        return await seen(handle, kind) >= times

    await until(enough, f"{times} times {EventType.Name(kind)}")


async def seen(handle: Handle, kind: "EventType.ValueType") -> int:
    """How many events of a kind are in a workflow's history."""
    return sum(event.event_type == kind for event in (await handle.fetch_history()).events)
