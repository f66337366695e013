"""What stands on the Temporal server besides workflows: the rate of the send queue, and the schedule of the sweep."""

from datetime import timedelta

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest
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


async def limit_send_queue(client: Client) -> None:
    """One task a second for each fairness key of weight 1: a channel's weight is its own rate a second."""
    request = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        identity=client.identity,
        task_queue=ids.SEND_TASK_QUEUE,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        update_fairness_key_rate_limit_default=UpdateTaskQueueConfigRequest.RateLimitUpdate(
            rate_limit=RateLimit(requests_per_second=1.0), reason="the default share of one channel"
        ),
    )
    try:
        await client.workflow_service.update_task_queue_config(request)
    except RPCError as error:
        if error.status not in (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED):
            raise
        logger.warning(
            "this Temporal takes no rate for a queue: the ledger alone spaces the sends, replies may wait behind bulk",
            answer=error.status.name,
        )


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
