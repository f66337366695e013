"""The records of a campaign and the start of its enrollments."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.answering import Answering
from activities.heartbeats import heartbeating, rest
from activities.meter import Meter
from db import cancelling, launching, running
from db.engine import Database
from domain import ids
from domain.breaker import ErrorSample, judge
from domain.campaigns import CampaignRef
from domain.signals import Signal, SignalName, StopRequest
from domain.statuses import CampaignStatus
from workflows.handles import Workflows, search_attributes
from workflows.ports import (
    CampaignPlan,
    Campaigns,
    Count,
    EnrollmentInput,
    EnrollmentRef,
    LaunchRequest,
    LaunchResult,
    MarkRequest,
    MarkResult,
    Stock,
    StockRequest,
)

GENERATION = "generation"
"""Where a run's memo says how often its contact was retried."""

STARTS_AT_ONCE = 1
"""Of one process, its launches taking turns. It is as fast as any channel, and leaves the server to the replies."""

START_TAKES = timedelta(milliseconds=12)
"""So long before the first of a batch is due its starts begin; those that are late after all come one by one too."""

NOT_DUE = timedelta(seconds=1)
"""What is started this long before it is due may take its time: nobody waits for it, while people wait for answers."""

PATIENCE_SECONDS = 60.0
"""A launch takes its time for so long at most: its campaign judges how its sends fare only when it is over."""

LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 2.0

BETWEEN_PAGES_SECONDS = 0.005
"""A breath for others between two pages of a cancel, and the moment to heed that this worker is told to stop."""


class CampaignRecords(Campaigns):
    """Keeps campaigns in the database and starts enrollments through Temporal's client."""

    def __init__(
        self, database: Database, client: Client, meter: Meter | None = None, answering: Answering | None = None
    ) -> None:
        self._database = database
        self._meter = meter or Meter()
        self._answering = answering or Answering()
        self._client = client
        self._workflows = Workflows(client)
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._ahead = asyncio.Lock()

    @activity.defn(name="campaigns.plan")
    async def plan(self, campaign: CampaignRef) -> CampaignPlan:
        """Reads how the campaign is to be run; it is a draft still if its start was never written down."""
        row = await self._plan(campaign, once_written=True)
        return CampaignPlan.model_validate(row._asdict())

    @activity.defn(name="campaigns.launch")
    async def launch(self, request: LaunchRequest) -> LaunchResult:
        """Starts the next enrollments; repeating it starts none twice.

        They are marked only after they were started: a launch that dies in between is repeated, and a workflow that
        runs already is left as it is.
        """
        async with heartbeating():
            return await self._launch(request)

    async def _launch(self, request: LaunchRequest) -> LaunchResult:
        campaign = request.campaign
        plan = await self._plan(campaign)
        first_at = max(request.first_at, datetime.now(UTC) + START_TAKES)
        async with self._database.tenant(campaign.tenant_id) as session:
            turn = await launching.take_turn(session, campaign, plan, request.size, first_at, request.delay_seconds)
        hurry_from = time.monotonic() + PATIENCE_SECONDS
        for index, contact in enumerate(turn.batch):
            at = first_at + timedelta(seconds=index * request.delay_seconds)
            if at - datetime.now(UTC) > NOT_DUE and time.monotonic() < hurry_from:
                await self._start_ahead(campaign, plan, contact, at)
            else:
                await self._start(campaign, plan, contact, at)
        async with self._database.tenant(campaign.tenant_id) as session:
            await running.mark_launched(session, campaign.tenant_id, campaign.campaign_id, turn.batch)
        return LaunchResult(started=len(turn.batch), exhausted=turn.is_last, first_at=first_at, opens_at=turn.opens_at)

    async def _start_ahead(self, campaign: CampaignRef, plan: Row[Any], contact: running.Next, at: datetime) -> None:
        """Starts what is not due yet: whoever is due need not wait until those have rested."""
        async with self._ahead:
            took = await self._start(campaign, plan, contact, at)
            await self._answering.give_way(took)

    async def _start(self, campaign: CampaignRef, plan: Row[Any], contact: running.Next, at: datetime) -> float:
        """Starts one contact's workflow; returns the seconds that it took once its turn had come."""
        enrollment = EnrollmentRef(
            tenant_id=campaign.tenant_id, campaign_id=campaign.campaign_id, contact_id=contact.contact_id
        )
        start = EnrollmentInput(
            enrollment=enrollment,
            channel_id=plan.channel_id,
            rate_per_second=plan.rate_per_second,
            reply_window_seconds=plan.reply_window_seconds,
            generation=contact.generation,
        )
        async with self._starts:
            began = time.monotonic()
            try:
                await self._begin(start, at, WorkflowIDConflictPolicy.FAIL)
            except WorkflowAlreadyStartedError:
                self._meter.prevented("repeated_start")
                if await self._is_older(start):
                    await self._begin(start, at, WorkflowIDConflictPolicy.TERMINATE_EXISTING)
            return time.monotonic() - began

    async def _begin(self, start: EnrollmentInput, at: datetime, conflict: WorkflowIDConflictPolicy) -> None:
        enrollment = start.enrollment
        # A retry of a failed contact is a new run under the same id; a first launch never is.
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE if start.generation else WorkflowIDReusePolicy.REJECT_DUPLICATE
        await self._client.start_workflow(
            "Enrollment",
            start,
            id=ids.enrollment_workflow_id(enrollment.campaign_id, enrollment.contact_id),
            task_queue=ids.TASK_QUEUE,
            id_reuse_policy=reuse,
            id_conflict_policy=conflict,
            start_delay=max(timedelta(0), at - datetime.now(UTC)),
            search_attributes=search_attributes(enrollment.tenant_id, start.channel_id, enrollment.campaign_id),
            memo={GENERATION: start.generation},
            static_summary="Message 1 → reply → Message 2",
        )

    async def _is_older(self, start: EnrollmentInput) -> bool:
        """Whether what runs is the run of the Message 1 that failed, which has not come to its end yet.

        Its failure is on record, so it has nothing more to do; left alone it would keep the retry from being started.
        """
        if start.generation == 0:
            return False
        enrollment = start.enrollment
        handle = self._client.get_workflow_handle(
            ids.enrollment_workflow_id(enrollment.campaign_id, enrollment.contact_id)
        )
        memo = await (await handle.describe()).memo()
        return int(memo.get(GENERATION, 0)) < start.generation

    @activity.defn(name="campaigns.take_stock")
    async def take_stock(self, request: StockRequest) -> Stock:
        """Counts once few enough are in flight, patience ends, or so many met errors that the campaign must judge."""
        give_up = time.monotonic() + request.patience_seconds
        look = LOOK_SECONDS
        async with heartbeating():
            while True:
                stock = await self._count(request)
                sample = ErrorSample(attempted=stock.attempted, errored=min(stock.errored, stock.attempted))
                if stock.in_flight <= request.in_flight or judge(sample).tripped or time.monotonic() > give_up:
                    return stock
                await rest(look)
                look = (
                    min(LONGEST_LOOK_SECONDS, look * 1.1) if stock.in_flight > 2 * request.in_flight else LOOK_SECONDS
                )

    async def _count(self, request: StockRequest) -> Stock:
        campaign = request.campaign
        async with self._database.tenant(campaign.tenant_id) as session:
            row = await running.take_stock(session, campaign.tenant_id, campaign.campaign_id, request.since)
        return Stock.model_validate(row._asdict())

    @activity.defn(name="campaigns.mark")
    async def mark(self, request: MarkRequest) -> MarkResult:
        """Writes the campaign's state; of a cancelled one, closes the contacts too and says how many were stopped."""
        state = running.State(
            status=request.status,
            reason=request.reason,
            probe=request.probe,
            delay_seconds=request.delay_seconds,
            pacing=None if request.pacing is None else request.pacing.model_dump_json(),
            error_rate=request.error_rate,
            pacing_only=request.pacing_only,
        )
        campaign = request.campaign
        async with heartbeating():
            async with self._database.tenant(campaign.tenant_id) as session:
                status = await running.write_state(session, campaign.tenant_id, campaign.campaign_id, state)
            affected = await self._stop(campaign) if request.status == CampaignStatus.CANCELLED else 0
        return MarkResult(status=status, affected=affected)

    async def _stop(self, campaign: CampaignRef) -> int:
        """Closes the contacts of a cancelled campaign, page by page, and counts those kept from Message 1.

        The gate refuses what comes up meanwhile, and an attempt that died has closed some: they are counted where they
        lie, however they came there.
        """
        names = (campaign.tenant_id, campaign.campaign_id)
        last: UUID | None = cancelling.START
        while last is not None:
            await rest(BETWEEN_PAGES_SECONDS)
            async with self._database.tenant(campaign.tenant_id) as session:
                last = await cancelling.close_page(session, *names, after=last)
        async with self._database.tenant(campaign.tenant_id) as session:
            return await running.count_stopped(session, *names)

    @activity.defn(name="campaigns.requeue_failed")
    async def requeue_failed(self, campaign: CampaignRef) -> Count:
        """Puts contacts whose Message 1 failed back in line."""
        async with heartbeating(), self._database.tenant(campaign.tenant_id) as session:
            count = await running.requeue_failed(session, campaign.tenant_id, campaign.campaign_id)
            if activity.info().attempt > 1:
                count = await running.count_requeued(session, campaign.tenant_id, campaign.campaign_id)
        return Count(count=count)

    @activity.defn(name="campaigns.stop_open")
    async def stop_open(self, campaign: CampaignRef) -> Count:
        """Tells every enrollment that still runs to end."""
        position, told = 0, 0
        async with heartbeating():
            while page := await self._open_page(campaign, position):
                await self._workflows.deliver(self._stop_request(campaign, contact_id) for _, contact_id in page)
                position = page[-1][0]
                told += len(page)
        return Count(count=told)

    async def _open_page(self, campaign: CampaignRef, after: int) -> list[tuple[int, UUID]]:
        async with self._database.tenant(campaign.tenant_id) as session:
            return await running.open_contacts(
                session, campaign.tenant_id, campaign.campaign_id, after, ids.RELEASE_BATCH
            )

    def _stop_request(self, campaign: CampaignRef, contact_id: UUID) -> Signal:
        return Signal(
            workflow_id=ids.enrollment_workflow_id(campaign.campaign_id, contact_id),
            name=SignalName.STOP,
            stop=StopRequest(reason="cancelled"),
        )

    async def _plan(self, campaign: CampaignRef, *, once_written: bool = False) -> Row[Any]:
        names = (campaign.tenant_id, campaign.campaign_id)
        async with self._database.tenant(campaign.tenant_id) as session:
            return await running.read_plan(session, *names, once_written=once_written)
