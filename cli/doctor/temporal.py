"""Checks of Temporal: reachable, search attributes, pollers on both queues, and how the send queue is set up."""

from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, ListTaskQueuePartitionsRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

from cli.doctor.findings import Finding, fine, note, wrong
from cli.stack.temporal import SEARCH_ATTRIBUTES
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE, inbound_sweep_id
from settings import external_temporal

ANSWER_WITHIN = timedelta(seconds=5)
ACTIVITY, WORKFLOW = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW


async def check_temporal(config: ClientConnectConfig) -> AsyncIterator[Finding]:
    """Look at the server and its queues; the first thing that is missing hides what depends on it."""
    try:
        client = await Client.connect(**config)
    except (RPCError, RuntimeError, OSError) as error:
        words = f"{config.get('target_host', 'the server')} does not answer ({type(error).__name__})"
        advice = "start it with `make up`, or correct TEMPORAL_ADDRESS and its key or TLS files"
        yield wrong("Temporal", words, advice, why="no campaign takes a step without it")
        return
    try:
        yield fine("Temporal", f"{client.service_client.config.target_host}, namespace {client.namespace}")
        yield await _attributes(client)
        yield await _pollers(client, TASK_QUEUE, (WORKFLOW, ACTIVITY))
        yield await _pollers(client, SEND_TASK_QUEUE, (ACTIVITY,))
        yield await _partitions(client)
        yield await _rate(client)
        yield await _sweep(client)
        if external_temporal():
            yield note(
                "send queue fairness",
                "no server tells whether it is on",
                "make sure of matching.enableFairness: true in its dynamic config (on Temporal Cloud, ask for it)",
            )
    except RPCError as error:
        words = f"refuses or breaks off ({error.status.name}: {error.message})"
        advice = "check the namespace's name and the rights of the key"
        yield wrong("Temporal", words, advice, why="no campaign takes a step without it")


async def _attributes(client: Client) -> Finding:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        answer = await client.operator_service.list_search_attributes(request, timeout=ANSWER_WITHIN)
    except RPCError as error:
        if error.status not in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            raise
        return note("search attributes", "this key may not list them", f"make sure of {', '.join(SEARCH_ATTRIBUTES)}")
    lacking = [name for name in SEARCH_ATTRIBUTES if name not in answer.custom_attributes]
    if lacking:
        commands = "; ".join(
            f"temporal operator search-attribute create --name {one} --type Keyword" for one in lacking
        )
        commands += "; on Temporal Cloud with tcld or in its web pages"
        why = "no campaign can be started, since its workflow carries them"
        return wrong("search attributes", f"lacking {', '.join(lacking)}", commands, why=why)
    return fine("search attributes", ", ".join(SEARCH_ATTRIBUTES))


async def _pollers(client: Client, queue: str, kinds: "tuple[TaskQueueType.ValueType, ...]") -> Finding:
    name, seen = f"worker on {queue}", set[str]()
    for kind in kinds:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        answer = await client.workflow_service.describe_task_queue(request, timeout=ANSWER_WITHIN)
        if not answer.pollers:
            what = "workflows" if kind == WORKFLOW else "activities"
            advice = "start a worker (`make up`, or `python -m worker`)"
            return wrong(name, f"nobody polls for {what}", advice, why="what is due waits there until one does")
        seen |= {poller.identity for poller in answer.pollers}
    return fine(name, f"{len(seen)} worker{'s' if len(seen) > 1 else ''}")


async def _partitions(client: Client) -> Finding:
    name = "send queue partitions"
    request = ListTaskQueuePartitionsRequest(namespace=client.namespace, task_queue=TaskQueue(name=SEND_TASK_QUEUE))
    try:
        answer = await client.workflow_service.list_task_queue_partitions(request, timeout=ANSWER_WITHIN)
    except RPCError as error:
        if error.status not in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED}:
            raise
        return note(name, "cannot be seen here", "rates are exact with one partition only")
    count = len(answer.activity_task_queue_partitions)
    if count > 1:
        advice = (
            "set matching.numTaskqueueReadPartitions and …WritePartitions to 1 for relance-send in the dynamic config"
        )
        return wrong(name, f"{count}", advice, why="each would grant its own share of a channel's rate")
    return fine(name, "one")


async def _rate(client: Client) -> Finding:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=SEND_TASK_QUEUE),
        task_queue_type=ACTIVITY,
        report_config=True,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=ANSWER_WITHIN)
    limit = answer.config.fairness_keys_rate_limit_default.rate_limit.requests_per_second
    if limit != 1:
        words = (
            f"the limit per channel is {limit:g}/s where 1/s is expected" if limit else "no limit per channel is set"
        )
        why = "replies may wait behind bulk; the ledger alone spaces the sends"
        return wrong("send queue rate", words, "restart a worker: it sets the limit when it starts", why=why)
    return fine("send queue rate", "1/s for each channel, times the channel's own rate")


async def _sweep(client: Client) -> Finding:
    name, why = "inbound sweep", "webhooks that a crash left unprocessed are taken up by it alone"
    try:
        schedule = await client.get_schedule_handle(inbound_sweep_id()).describe(rpc_timeout=ANSWER_WITHIN)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        advice = "restart a worker: it makes the schedule when it starts"
        return wrong(name, f"the schedule {inbound_sweep_id()} does not exist", advice, why=why)
    if schedule.schedule.state.paused:
        advice = f"temporal schedule toggle --schedule-id {inbound_sweep_id()} --unpause"
        return wrong(name, f"the schedule {inbound_sweep_id()} is paused", advice, why=why)
    return fine(name, "scheduled")
