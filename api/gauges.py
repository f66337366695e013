"""What waits in the whole installation, as gauges: read from PostgreSQL and Temporal when asked for."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from db.away import DATABASE_ERRORS
from db.engine import Database
from db.reading.backlog import Backlog, read_backlog
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from workflows.handles import Workflows

KEPT_SECONDS = 5.0

SHARE = 0.05
"""With many tenants the reading takes longer: it is repeated so rarely that it takes no more of the time than this."""

READ_WITHIN_SECONDS = 8.0
"""Prometheus gives up after ten by default."""

ASK_WITHIN = timedelta(seconds=2)

BREAKER = {"closed": 0, "half_open": 1, "open": 2}
EVENT_STATES = ("waiting", "unmatched")
OPEN_STATES = ("held", "unknown", "sending")
QUEUES = (
    (TASK_QUEUE, "workflow", TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    (TASK_QUEUE, "activity", TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    (SEND_TASK_QUEUE, "activity", TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
)

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Fixed(Collector):
    """Gauges that were read a moment ago."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """As they were read."""
        return iter(self._families)


def registry_of(families: Iterable[Metric]) -> CollectorRegistry:
    """Gauges as a page of their own."""
    registry = CollectorRegistry()
    registry.register(Fixed(families))
    return registry


class Gauges:
    """Reads at most one at a time; a part that is away is left out, so that no old figure passes for a present one."""

    def __init__(self, database: Database, workflows: Workflows) -> None:
        self._database = database
        self._workflows = workflows
        self._lock = asyncio.Lock()
        self._families: list[Metric] = []
        self._good_until = 0.0

    async def registry(self) -> CollectorRegistry:
        """The present figures."""
        async with self._lock:
            began = time.monotonic()
            if began >= self._good_until:
                self._families = [*await self._of_database(), *await self._of_queues()]
                took = time.monotonic() - began
                self._good_until = began + max(KEPT_SECONDS, took / SHARE)
            return registry_of(self._families)

    async def _of_database(self) -> list[Metric]:
        try:
            async with asyncio.timeout(READ_WITHIN_SECONDS):
                return list(of_backlog(await read_backlog(self._database)))
        except DATABASE_ERRORS as error:
            logger.warning("metrics.database_away", error=type(error).__name__)
            return []

    async def _of_queues(self) -> list[Metric]:
        waiting = GaugeMetricFamily(
            "relance_task_queue_backlog",
            "Tasks that no worker has taken, as Temporal estimates.",
            labels=["queue", "kind"],
        )
        age = GaugeMetricFamily(
            "relance_task_queue_age_seconds",
            "Age of the oldest task that no worker has taken.",
            labels=["queue", "kind"],
        )
        client = self._workflows.client
        for queue, kind, number in QUEUES:
            request = DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=queue),
                task_queue_type=number,
                report_stats=True,
            )
            try:
                answer = await client.workflow_service.describe_task_queue(request, timeout=ASK_WITHIN)
            except (RPCError, RuntimeError) as error:  # RuntimeError: see api/health.py
                logger.warning("metrics.temporal_away", error=type(error).__name__)
                return []
            waiting.add_metric([queue, kind], answer.stats.approximate_backlog_count)
            age.add_metric([queue, kind], answer.stats.approximate_backlog_age.ToTimedelta().total_seconds())
        return [waiting, age]


def of_backlog(backlog: Backlog) -> Iterator[Metric]:
    """What the database says, as gauges."""
    events = GaugeMetricFamily(
        "relance_inbound_unprocessed_events",
        "Webhook calls stored and not processed; unmatched: receipts of messages not known, dropped after an hour.",
        labels=["state"],
    )
    age = GaugeMetricFamily(
        "relance_inbound_oldest_unprocessed_seconds", "Age of the oldest of them, 0 for none.", labels=["state"]
    )
    for state in EVENT_STATES:
        events.add_metric([state], backlog.events[state])
        age.add_metric([state], backlog.oldest_event_seconds.get(state, 0.0))
    waiting = GaugeMetricFamily("relance_open_deliveries", "Deliveries that are not settled.", labels=["status"])
    for status in OPEN_STATES:
        waiting.add_metric([status], backlog.deliveries[status])
    yield from (events, age, waiting)
    yield GaugeMetricFamily(
        "relance_oldest_unknown_delivery_seconds",
        "Time since the oldest delivery of unknown outcome was first tried, 0 for none.",
        value=backlog.oldest_unknown_seconds,
    )
    yield from _of_channels(backlog)


def _of_channels(backlog: Backlog) -> Iterator[Metric]:
    statuses = GaugeMetricFamily("relance_channels", "Connected accounts.", labels=["platform", "status"])
    for (platform, status), number in Counter((row.platform, row.status) for row in backlog.channels).items():
        statuses.add_metric([platform, status], number)
    breakers = GaugeMetricFamily(
        "relance_channel_breaker_state",
        "0 closed, 1 a probe is out, 2 open; one series for each connected account.",
        labels=["channel_id", "platform"],
    )
    for row in backlog.channels:
        breakers.add_metric([row.id, row.platform], BREAKER.get(row.breaker, 0))
    yield from (statuses, breakers)
