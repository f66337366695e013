"""An API and the activities of a worker in this process, over a database and a Temporal that nobody else uses."""

from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from prometheus_client import CollectorRegistry
from temporalio.client import Client

from activities.deliveries import ChannelDeliveries, SendTimes
from activities.meter import Meter as WorkerMeter
from api.app import create_app
from api.meter import Meter
from connectors.base import PlatformConnector
from db.engine import Database
from telemetry.page import new_registry, page
from telemetry.temporal import no_sdk_metrics
from tests.api.people import BASE_URL, client
from tests.ledger_world import SECRETS, sender
from tests.operations.fleet import Page
from workflows.handles import Workflows

TIMES = SendTimes(lease=timedelta(minutes=1), grace=timedelta(minutes=1))
"""Long, so that what is in flight or unknown stays so while it is looked at."""

Pages = dict[str, Page]
"""What each process shows, by its name."""


@dataclass
class Installation:
    """The parts, and what they count together."""

    database_url: str
    database: Database
    meter: Meter = field(default_factory=lambda: Meter(new_registry("api")))
    counted: CollectorRegistry = field(default_factory=lambda: new_registry("worker"))
    worker_meter: WorkerMeter = field(init=False)

    def __post_init__(self) -> None:
        self.worker_meter = WorkerMeter(self.counted)

    def api(self, workflows: Workflows, key: str | None = None, database: Database | None = None) -> httpx.AsyncClient:
        """A caller of an API process over these workflows; its counts are those of the others."""
        app = create_app(database or self.database, workflows, SECRETS, public_url=BASE_URL, meter=self.meter)
        return client(app, key)

    def sender(self, platform: PlatformConnector) -> ChannelDeliveries:
        """The worker's send activity over this platform."""
        return sender(self.database, platform, TIMES, self.worker_meter)

    async def pages(self, temporal: Client, database: Database | None = None) -> Pages:
        """What API and worker show now. The API is a new one: one that was asked before keeps gauges for a while."""
        async with self.api(Workflows(temporal), database=database) as http:
            answer = await http.get("/metrics")
        assert answer.status_code == 200, answer.text
        return {"api": Page(answer.text), "worker": Page((await page(self.counted, no_sdk_metrics)).decode())}
