"""Several API and worker processes over one database and one Temporal, as an operator would run them."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from cli.stack.probes import free_port, trusted
from cli.stack.stack import Stack
from db.engine import Database
from tests.journeys.building import new_tenant
from tests.journeys.house import House
from tests.waiting import until

ROOT = Path(__file__).parents[2]

Sample = tuple[str, frozenset[tuple[str, str]]]


class Page:
    """One scrape of a process."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.families = {family.name: family for family in families}
        self.samples: dict[Sample, float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def names(self) -> set[str]:
        """Every name that a query may use."""
        return {name for name, _ in self.samples}

    def labels(self, name: str) -> set[str]:
        """The labels that series of this name have."""
        return {label for known, labels in self.samples if known == name for label, _ in labels}

    def by(self, name: str, *labels: str) -> dict[str, float]:
        """The values of a metric's series, each by what these labels say in it."""
        series = [(dict(given), value) for (known, given), value in self.samples.items() if known == name]
        return {" ".join(given[label] for label in labels): value for given, value in series}

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series with these labels; 0 for none."""
        wanted = set(labels.items())
        return sum(value for (known, given), value in self.samples.items() if known == name and wanted <= given)


@dataclass
class Program:
    """One process of ours; started again under the same variables with `start`."""

    module: str
    port: int
    environment: dict[str, str]
    log_file: Path
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has said."""
        return self.log_file.read_text()

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self.module, cwd=ROOT, env=self.environment, stderr=log
            )
        await until(self._answers, f"{self.module} at {self.url} answers", within=90)

    async def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.log[-3000:]
        try:
            return (await self.get("/healthz")).is_success
        except httpx.TransportError:
            return False

    async def get(self, path: str) -> httpx.Response:
        """What it answers."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=15, verify=trusted()) as http:
            return await http.get(path)

    async def page(self) -> Page:
        """Its metrics."""
        answer = await self.get("/metrics")
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    async def kill(self) -> None:
        """Ends it as a crash would."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Waits for its end; its exit status."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), 60)

    async def stop(self) -> None:
        """Ends it if it runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.ended()


@dataclass
class Fleet:
    """Two workers and two APIs."""

    stack: Stack
    workers: list[Program]
    apis: list[Program]
    database: Database
    client: Client
    variables: dict[str, str]

    async def house(self) -> House:
        """A tenant that speaks to the first API."""
        tenant_id, key = await new_tenant(self.database)
        api = self.speaker(self.apis[0], key)
        simulator = httpx.AsyncClient(base_url=self.stack.addresses.simulator, timeout=30)
        settings = self.stack.settings.model_copy(update={"public_url": self.apis[0].url})
        house = House(tenant_id, api, simulator, self.client, self.database, settings)
        await house.behave()
        await house.fault()
        return house

    @staticmethod
    def speaker(api: Program, key: str) -> httpx.AsyncClient:
        """A client of one API process."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=api.url, headers=headers, timeout=30, trust_env=False)

    def other(self, house: House) -> httpx.AsyncClient:
        """The same tenant at the second API."""
        return self.speaker(self.apis[1], house.api.headers["Authorization"].removeprefix("Bearer "))

    def program(self, module: str, **more: Any) -> Program:
        """A process of ours, not started yet."""
        port = free_port()
        own = {"RELANCE_WORKER_METRICS_PORT": str(port)} if module == "worker" else {"RELANCE_API_PORT": str(port)}
        return make_program(self.stack, module, port, {**self.variables, **own, **more})

    async def pages(self) -> list[Page]:
        """The metrics of all processes."""
        return await asyncio.gather(*(program.page() for program in (*self.workers, *self.apis)))


def make_program(stack: Stack, module: str, port: int, variables: dict[str, str]) -> Program:
    """A process with its log in the stack's directory."""
    return Program(module, port, variables, stack.data_dir / "logs" / f"{module}-{port}.log")


async def connected(stack: Stack) -> tuple[Database, Client]:
    """The database and Temporal, as a process of the stack reaches them."""
    client = await Client.connect(stack.addresses.temporal, data_converter=pydantic_data_converter)
    return Database.connect(stack.addresses.database), client
