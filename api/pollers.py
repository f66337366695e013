"""Whether somebody who is alive works on a task queue.

Temporal remembers who polled it for minutes, and a poll lasts up to a minute: that alone tells of a death late. Workers
also send the server a heartbeat of their own every few seconds; where the server keeps those, the last one decides.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, ListWorkersRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

HEARD_WITHIN = timedelta(seconds=12)
"""A worker that neither began a poll nor sent a heartbeat for so long is dead: three heartbeats did not come."""

POLLER_SEEN_WITHIN = timedelta(seconds=75)
"""Where the server has no heartbeats: a poll lasts up to a minute."""

NO_HEARTBEATS = frozenset(
    {RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.FAILED_PRECONDITION}
)
"""What servers answer that do not keep them, or do not show them to us."""

ENDING = frozenset({WorkerStatus.WORKER_STATUS_SHUTTING_DOWN, WorkerStatus.WORKER_STATUS_SHUTDOWN})


async def is_polled(client: Client, queue: str, kind: "TaskQueueType.ValueType", within: timedelta) -> bool:
    """Whether a living worker polls the queue for this kind of task. Raises what the SDK raises."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind),
        timeout=within,
    )
    seen = {poller.identity: _when(poller) for poller in answer.pollers}
    now = datetime.now(UTC)
    if not any(now - last < POLLER_SEEN_WITHIN for last in seen.values()):
        return False
    beats = newest(await _heartbeats(client, queue, within))
    known_for = HEARD_WITHIN if beats else POLLER_SEEN_WITHIN
    return any(is_alive(last, beats.get(identity), now, known_for) for identity, last in seen.items())


def _when(poller: PollerInfo) -> datetime:
    return poller.last_access_time.ToDatetime(UTC)


async def _heartbeats(client: Client, queue: str, within: timedelta) -> list[WorkerHeartbeat]:
    request = ListWorkersRequest(namespace=client.namespace, query=f"TaskQueue = '{queue}'")
    try:
        answer = await client.workflow_service.list_workers(request, timeout=within)
    except RPCError as error:
        if error.status in NO_HEARTBEATS:
            return []
        raise
    return [info.worker_heartbeat for info in answer.workers_info]


def newest(heartbeats: Iterable[WorkerHeartbeat]) -> dict[str, WorkerHeartbeat]:
    """The last heartbeat of each worker process, by its identity: one started anew may have its forerunner's."""
    oldest_first = sorted(heartbeats, key=lambda beat: beat.heartbeat_time.ToNanoseconds())
    return {beat.worker_identity: beat for beat in oldest_first}


def is_alive(polled_at: datetime, beat: WorkerHeartbeat | None, now: datetime, known_for: timedelta) -> bool:
    """Whether who polled then may be counted on now; one without a heartbeat for as long as `known_for` after that.

    Where the server has the heartbeats of others, one that never sent any died within seconds of its start.
    """
    if beat is None:
        return now - polled_at < known_for
    if beat.status in ENDING and polled_at < beat.heartbeat_time.ToDatetime(UTC):
        return False
    return now - max(polled_at, beat.heartbeat_time.ToDatetime(UTC)) < HEARD_WITHIN
