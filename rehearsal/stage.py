"""Runs one rehearsal from its brief to its result: a server of its own, the real workflows, the world in memory."""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import PollerBehaviorSimpleMaximum, UnsandboxedWorkflowRunner, Worker

from domain import ids
from domain.campaigns import CampaignInput, CampaignRef
from domain.statuses import CampaignStatus, DeliveryKind
from rehearsal.channel import RehearsedChannel
from rehearsal.facts import Brief
from rehearsal.people import RehearsedReply
from rehearsal.result import Progress, Rehearsed, calendar_of, limits_of, step_for
from rehearsal.roll import Roll
from rehearsal.world import RehearsedCampaigns, RehearsedDeliveries, RehearsedEnrollments, RehearsedHolds
from workflows.campaign import Campaign
from workflows.enrollment import Enrollment

PROGRAM = "temporal-test-server"
PROGRESS_SECONDS = 0.5
POLLERS = 5
CACHED = 10_000
"""Every contact of a rehearsal stays in memory: it lasts seconds, and nothing is replayed."""

Told = Callable[[Progress], None]


class RehearsalError(Exception):
    """The rehearsal could not be run; the message says what to do."""


def program() -> str:
    """Path of the server whose clock skips: the one beside this Python, else the one on the PATH."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise RehearsalError(f"The program `{PROGRAM}` is missing: run `make install`.")
    return found


async def rehearse(brief: Brief, told: Told = lambda _: None) -> Rehearsed:
    """Plays the campaign to its end and says what happened. Raises RehearsalError."""
    if not brief.campaign.contacts:
        raise RehearsalError("No contact of this campaign waits for Message 1: there is nothing to rehearse.")
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=program(), data_converter=pydantic_data_converter, runtime=_quiet()
    )
    async with environment:
        began, starts_at = time.monotonic(), await environment.get_current_time()
        roll = Roll(brief.campaign)
        async with _playing(environment.client, brief, roll, starts_at) as (handle, stopped):
            await _until_over(handle, stopped, roll, lambda: told(_progress(roll, starts_at)))
            ends_at = await _end(handle, environment, roll)
    return _result(brief, roll, starts_at, ends_at, time.monotonic() - began)


def _quiet() -> Runtime:
    # The server is of an older make than the SDK expects, of which it would warn each time.
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="ERROR")))


Handle = WorkflowHandle[Campaign, CampaignStatus]


@asynccontextmanager
async def _playing(
    client: Client, brief: Brief, roll: Roll, starts_at: datetime
) -> AsyncIterator[tuple[Handle, asyncio.Event]]:
    facts = brief.campaign
    campaigns = RehearsedCampaigns(brief, roll, client)
    channel = RehearsedChannel(facts.channel, facts.time_zone, starts_at)
    records: list[Callable[..., Any]] = [
        RehearsedEnrollments(roll).close,
        campaigns.plan,
        campaigns.launch,
        campaigns.take_stock,
        campaigns.mark,
        campaigns.requeue_failed,
        campaigns.stop_open,
        RehearsedHolds().release,
    ]
    pollers = PollerBehaviorSimpleMaximum(POLLERS)
    async with AsyncExitStack() as stack:
        ordinary = Worker(
            client,
            task_queue=ids.TASK_QUEUE,
            workflows=[Campaign, Enrollment, RehearsedReply],
            activities=records,
            # The sandbox guards against code that a replay would catch; nothing is replayed here.
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_cached_workflows=CACHED,
            workflow_task_poller_behavior=pollers,
            activity_task_poller_behavior=pollers,
        )
        sending = Worker(
            client,
            task_queue=ids.SEND_TASK_QUEUE,
            activities=[RehearsedDeliveries(brief, roll, channel, client).send],
            activity_task_poller_behavior=pollers,
        )
        await stack.enter_async_context(ordinary)
        await stack.enter_async_context(sending)
        yield (
            await client.start_workflow(
                Campaign.run,
                CampaignInput(campaign=CampaignRef(tenant_id=facts.tenant_id, campaign_id=facts.campaign_id)),
                id=ids.campaign_workflow_id(facts.campaign_id),
                task_queue=ids.TASK_QUEUE,
            ),
            campaigns.stopped,
        )


async def _until_over(handle: Handle, stopped: asyncio.Event, roll: Roll, tell: Callable[[], None]) -> None:
    """Lets the clock skip, which it does for as long as a result is waited for."""
    result = asyncio.create_task(handle.result())
    halt = asyncio.create_task(stopped.wait())
    try:
        while not (result.done() or halt.done()):
            await asyncio.wait({result, halt}, timeout=PROGRESS_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            tell()
        if result.done():
            result.result()
    finally:
        for task in (result, halt):
            task.cancel()
        await asyncio.gather(result, halt, return_exceptions=True)


async def _end(handle: Handle, environment: WorkflowEnvironment, roll: Roll) -> datetime:
    described = await handle.describe()
    if described.close_time is not None:
        return described.close_time
    await handle.terminate("the campaign paused itself: the rehearsal is over")
    return roll.last_sent_at or await environment.get_current_time()


def _progress(roll: Roll, starts_at: datetime) -> Progress:
    out = sum(person.out_at is not None or person.closed for person in roll.order)
    return Progress(out=out, contacts=len(roll.order), at=roll.last_sent_at or starts_at)


def _result(brief: Brief, roll: Roll, starts_at: datetime, ends_at: datetime, took: float) -> Rehearsed:
    first = [message.at for message in roll.sent if message.kind == DeliveryKind.MESSAGE_1]
    moments = [message.at for message in roll.sent] + roll.replies
    step = step_for(min(moments, default=starts_at), max(moments, default=starts_at))
    # A pause ends the rehearsal: who would have answered after it is not told.
    replies = [at for at in roll.replies if at <= ends_at]
    return Rehearsed(
        status=roll.status,
        paused_reason=roll.paused_reason,
        waiting=brief.campaign.waiting,
        rehearsed=len(roll.order),
        starts_at=starts_at,
        first_message_at=min(first, default=None),
        last_message_1_at=max(first, default=None),
        ends_at=ends_at,
        duration_seconds=(ends_at - starts_at).total_seconds(),
        message_1=len(first),
        replies=len(replies),
        late_replies=roll.late_replies,
        message_2=len(roll.sent) - len(first),
        no_reply=roll.no_reply,
        not_sent=roll.not_sent(),
        limits=limits_of(roll.sent),
        step_seconds=step.total_seconds(),
        calendar=calendar_of(roll.sent, replies, step, ZoneInfo(brief.campaign.time_zone)),
        took_seconds=round(took, 3),
    )
