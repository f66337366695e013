"""Composes and runs the worker process: workflows and records on one queue, everything that sends on another."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import uvloop
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from activities.answering import Answering
from activities.campaigns import CampaignRecords
from activities.channels import ChannelChecks
from activities.deliveries import ChannelDeliveries, SendTimes
from activities.enrollments import EnrollmentRecords
from activities.holds import HeldDeliveries
from activities.inbound import InboundEvents
from activities.ledger import Ledger
from activities.log_ids import LogIds
from activities.meter import Meter
from activities.outages import Outages
from connectors.registry import ConnectorUrls, build_connectors
from db.away import DATABASE_ERRORS
from db.engine import Database
from db.installation import hold_once_there
from db.secrets import SecretBox
from domain import ids
from settings import Settings, SettingsError, fernet_keys, load_settings, required_database_url, temporal_connect_config
from telemetry import configure_logging, get_logger
from telemetry.page import new_registry, page
from telemetry.port import lacking, listen, served
from telemetry.reports import ReportingInterceptor, configure_reports
from telemetry.temporal import SdkMetrics, configure_temporal
from workflows.patches import may_begin
from workflows.registry import WORKFLOWS
from workflows.standing import limit_send_queue, schedule_sweep

GRACE = timedelta(seconds=15)
"""How long a stopping worker lets running activities end: longer than a send may take."""

HEARTBEATS = timedelta(seconds=1)
"""The SDK keeps a heartbeat back for four fifths of its timeout: a process that is held up a second would be missed."""

LOOK_WITHIN = timedelta(seconds=2)

WORKFLOW_TASKS = 16
"""Workflow code takes a processor and nothing else: more at once are not faster, and each keeps a thread."""

STICKY_SECONDS = timedelta(seconds=1)
"""After a worker died its tasks wait this long for it before another takes them."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much a worker process does at once."""

    workflow_cache: int = 60
    send_slots: int = 100
    activity_slots: int = 100
    pollers: int = 5

    @classmethod
    def of(cls, settings: Settings) -> "Tuning":
        """The operator's figures."""
        return cls(settings.workflow_cache, settings.send_slots, settings.activity_slots, settings.pollers)


@dataclass(frozen=True, slots=True)
class Implementations:
    """What stands behind the workflows' ports."""

    deliveries: ChannelDeliveries
    enrollments: EnrollmentRecords
    campaigns: CampaignRecords
    holds: HeldDeliveries
    inbound: InboundEvents
    channels: ChannelChecks

    @property
    def records(self) -> list[Callable[..., Any]]:
        """Ordinary activities."""
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

    @property
    def sends(self) -> list[Callable[..., Any]]:
        """Activities that call a platform to write."""
        return [self.deliveries.send]


def implementations(
    client: Client, database: Database, http: httpx.AsyncClient, settings: Settings, meter: Meter | None = None
) -> Implementations:
    """Builds the activities with what they need."""
    urls = ConnectorUrls(wassenger=settings.wassenger_url)
    connectors = build_connectors(http, urls, settings.send_timeout_seconds)
    secrets = SecretBox(fernet_keys(settings))
    answering = Answering()
    times = SendTimes(lease=settings.claim_lease, grace=timedelta(seconds=settings.settle_grace_seconds))
    return Implementations(
        deliveries=ChannelDeliveries(
            Ledger(database),
            connectors,
            secrets,
            times,
            meter,
            answering,
        ),
        enrollments=EnrollmentRecords(database),
        campaigns=CampaignRecords(database, client, meter, answering),
        holds=HeldDeliveries(database, client),
        inbound=InboundEvents(database, client),
        channels=ChannelChecks(connectors, secrets),
    )


def build_workers(client: Client, work: Implementations, tuning: Tuning) -> list[Worker]:
    """The two workers of a process. Tests use this too."""
    pollers = PollerBehaviorSimpleMaximum(tuning.pollers)
    ordinary = Worker(
        client,
        task_queue=ids.TASK_QUEUE,
        workflows=WORKFLOWS,
        activities=work.records,
        # Contacts that wait cost no memory: only those that something happens to are kept, the rest is replayed.
        max_cached_workflows=tuning.workflow_cache,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        max_concurrent_activities=tuning.activity_slots,
        max_heartbeat_throttle_interval=HEARTBEATS,
        workflow_task_poller_behavior=pollers,
        activity_task_poller_behavior=pollers,
        sticky_queue_schedule_to_start_timeout=STICKY_SECONDS,
        # A send handed out eagerly would pass by the queue's rate limit.
        disable_eager_activity_execution=True,
        graceful_shutdown_timeout=GRACE,
        patch_activation_callback=may_begin,
        interceptors=[LogIds(), Outages()],
    )
    sending = Worker(
        client,
        task_queue=ids.SEND_TASK_QUEUE,
        activities=work.sends,
        max_concurrent_activities=tuning.send_slots,
        max_heartbeat_throttle_interval=HEARTBEATS,
        activity_task_poller_behavior=pollers,
        graceful_shutdown_timeout=GRACE,
        interceptors=[LogIds(), Outages()],
    )
    return [ordinary, sending]


@asynccontextmanager
async def running_workers(
    client: Client, database: Database, settings: Settings, meter: Meter | None = None
) -> AsyncIterator[None]:
    """Workers that run while the block does; leaving it stops both at once and lets running activities end."""
    async with AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=settings.send_slots, max_keepalive_connections=settings.send_slots)
        http = await stack.enter_async_context(httpx.AsyncClient(limits=limits))
        await limit_send_queue(client)
        await schedule_sweep(
            client,
            timedelta(seconds=settings.sweep_interval_seconds),
            timedelta(seconds=settings.unprocessed_after_seconds),
        )
        work = implementations(client, database, http, settings, meter)
        workers = build_workers(client, work, Tuning.of(settings))
        for worker in workers:
            await stack.enter_async_context(worker)
        yield
        # One after the other, the second would go on taking work while the first ends its own.
        await asyncio.gather(*(worker.shutdown() for worker in workers))


async def hold_restored_sends(database: Database) -> None:
    """Before the first send: a database that is a copy holds its sends. Waits while the database is away."""
    log = get_logger("worker")
    if await hold_once_there(database, lambda: log.warning("the database does not answer: nothing is taken up yet")):
        log.warning("sends are held until `relance sends confirm`; `relance sends status` says why")


@asynccontextmanager
async def observed(
    client: Client, database: Database, settings: Settings, sdk: SdkMetrics, stop: asyncio.Event
) -> AsyncIterator[Meter]:
    """What the worker counts, shown on a port of its own where one is set. Raises SettingsError if it is taken."""
    registry = new_registry("worker")
    meter, port = Meter(registry), settings.worker_metrics_port
    if port is None:
        yield meter
        return
    try:
        listener = listen(settings.metrics_host, port)
    except OSError as error:
        place = f"{settings.metrics_host}:{port} ({error.strerror})"
        raise SettingsError(f"RELANCE_WORKER_METRICS_PORT: the worker cannot listen on {place}") from error

    looks = {"database": database.ping, "temporal": lambda: client.service_client.check_health(timeout=LOOK_WITHIN)}

    async def missing() -> list[str]:
        away = await lacking(looks, LOOK_WITHIN, (RPCError, *DATABASE_ERRORS))
        return ["this process is stopping", *away] if stop.is_set() else away

    async with served(listener, lambda: page(registry, sdk), missing):
        yield meter


async def run(settings: Settings, sdk: SdkMetrics) -> None:
    """Runs until SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    reporting = [ReportingInterceptor()] if settings.sentry_dsn else []
    client = await Client.connect(
        **temporal_connect_config(settings), data_converter=pydantic_data_converter, interceptors=reporting
    )
    database = Database.connect(required_database_url(settings), pool_size=settings.database_pool_size)
    try:
        async with observed(client, database, settings, sdk, stop) as meter:
            if not await _before(stop, hold_restored_sends(database)):
                return
            async with running_workers(client, database, settings, meter):
                get_logger("worker").info("worker ready", queues=[ids.TASK_QUEUE, ids.SEND_TASK_QUEUE])
                await stop.wait()
                get_logger("worker").info("worker stopping", within_seconds=GRACE.total_seconds())
    finally:
        await database.close()
    get_logger("worker").info("worker stopped")


async def _before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work ended before the process was told to stop; it is cancelled otherwise."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    done = working.done()
    for task in (working, stopping):
        task.cancel()
    if done:
        await working
    return done


def main() -> int:
    """The command; 2 when the environment cannot be used."""
    try:
        settings = load_settings()
        configure_logging("worker", level=settings.log_level, log_format=settings.log_format)
        if settings.sentry_dsn is not None:
            configure_reports(settings.sentry_dsn.get_secret_value(), "worker", settings.sentry_environment)
        sdk = configure_temporal(settings.log_format, metrics=settings.worker_metrics_port is not None)
        uvloop.run(run(settings, sdk))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
