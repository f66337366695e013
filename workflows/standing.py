"""What stands on the Temporal server besides workflows: the rate of the send queue, and the schedule of the sweep."""

from datetime import timedelta

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, UpdateTaskQueueConfigRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
)
from temporalio.service import RPCError, RPCStatusCode

from domain import ids
from workflows.inbound_sweep import InboundSweep
from workflows.ports import SweepRequest

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


SHARE = 1.0
"""Tasks a second for each fairness key of weight 1: a channel's weight is its own rate a second."""

WITHOUT = {
    RPCStatusCode.UNIMPLEMENTED: "this Temporal takes no rate for a queue",
    RPCStatusCode.PERMISSION_DENIED: "this login may not set the rate of a queue",
    # A worker that was killed while it set the rate leaves the server with a copy of the queue's settings that is older
    # than what it keeps; until it reads them anew (every five minutes) it refuses every change.
    RPCStatusCode.INVALID_ARGUMENT: "this Temporal does not change the queue's settings at present",
}
"""Answers that a worker goes on without; any other is an outage, and the worker is started again."""


async def limit_send_queue(client: Client) -> None:
    """Sets the share of a channel on the send queue, unless it stands there already: then nothing is written."""
    try:
        if await _share_now(client) != SHARE:
            await _set_share(client)
    except RPCError as error:
        if error.status not in WITHOUT:
            raise
        logger.warning(
            f"{WITHOUT[error.status]}: the ledger alone spaces the sends, replies may wait behind bulk",
            answer=error.status.name,
            said=error.message,
        )


async def _share_now(client: Client) -> float | None:
    """The share that the server knows; None without one."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=ids.SEND_TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_config=True,
    )
    config = (await client.workflow_service.describe_task_queue(request)).config
    if not config.fairness_keys_rate_limit_default.HasField("rate_limit"):
        return None
    return config.fairness_keys_rate_limit_default.rate_limit.requests_per_second


async def _set_share(client: Client) -> None:
    request = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        identity=client.identity,
        task_queue=ids.SEND_TASK_QUEUE,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        update_fairness_key_rate_limit_default=UpdateTaskQueueConfigRequest.RateLimitUpdate(
            rate_limit=RateLimit(requests_per_second=SHARE), reason="the default share of one channel"
        ),
    )
    await client.workflow_service.update_task_queue_config(request)


async def schedule_sweep(client: Client, every: timedelta, older_than: timedelta) -> None:
    """Has unprocessed inbound events taken up regularly; a schedule that is there already gets these figures."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            InboundSweep.run,
            SweepRequest(older_than_seconds=older_than.total_seconds()),
            id=ids.inbound_sweep_id(),
            task_queue=ids.TASK_QUEUE,
            static_summary="Takes up inbound events left unprocessed",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    try:
        await client.create_schedule(ids.inbound_sweep_id(), schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(ids.inbound_sweep_id()).update(lambda _: ScheduleUpdate(schedule=schedule))
