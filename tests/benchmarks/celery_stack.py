"""Redis, a Celery worker and a web process beside PostgreSQL and the simulator: the baseline as a stack."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx

from cli.stack.probes import answers, free_port
from cli.stack.stack import Stack
from tests.benchmarks.celery_app import SCHEMA
from tests.benchmarks.programs import line_of, module, running_program
from tests.benchmarks.stack import running_parts
from tests.journeys.house import QUIET, Json
from tests.waiting import until

REDIS = Path("/usr/bin/redis-server")
WITHOUT_REDIS = f"{REDIS} is missing, so there is no comparison with Celery: install Debian's package redis-server"
PROCESSES = 8


@dataclass
class Baseline:
    """The running baseline."""

    stack: Stack
    web: httpx.AsyncClient
    simulator: httpx.AsyncClient
    broker: str
    device: str
    pids: dict[str, int]

    async def behave(self, **people: object) -> None:
        """How people answer from now on."""
        body = {"people": {"reply_share": 0.0, "stop_share": 0.0, **people}, "receipts": QUIET}
        (await self.simulator.put("/control/behaviour", json=body)).raise_for_status()

    async def tell(self, path: str, phones: list[str], **query: float) -> None:
        """Asks the web process for something."""
        (await self.web.post(path, json=phones, params=query)).raise_for_status()

    async def posts(self) -> list[Json]:
        """What the platform received, by its own log."""
        answer = await self.simulator.get("/control/messages", params={"device": self.device, "limit": 10_000})
        posts: list[Json] = answer.json()["items"]
        return posts


@asynccontextmanager
async def running_baseline(workers: int = 1, **settings: str) -> AsyncIterator[Baseline]:
    """The baseline; `settings` are the environment's `BASELINE_<NAME>`."""
    async with AsyncExitStack() as leave:
        stack = await leave.enter_async_context(running_parts({"postgres", "simulator"}))
        logs = stack.data_dir / "logs"
        redis_port, web_port, device, token = free_port(), free_port(), uuid4().hex[:24], f"token-{uuid4().hex}"
        database = stack.addresses.database.replace("+asyncpg", "")
        broker = f"redis://127.0.0.1:{redis_port}/0"
        await make_tables(database)
        environment = {
            **stack.environment,
            "BASELINE_BROKER": broker,
            "BASELINE_DATABASE": database,
            "BASELINE_SIMULATOR": stack.addresses.simulator,
            "BASELINE_DEVICE": device,
            "BASELINE_TOKEN": token,
            **{f"BASELINE_{name.upper()}": value for name, value in settings.items()},
        }
        redis = await leave.enter_async_context(
            running_program(
                *(str(REDIS), "--port", str(redis_port), "--bind", "127.0.0.1", "--dir", str(logs)),
                *("--appendonly", "yes", "--save", ""),
                environment={},
                log=logs / "redis.log",
            )
        )
        pids = {"redis": redis.pid, "postgres": stack.pid("postgres"), "simulator": stack.pid("simulator")}
        for number in range(1, workers + 1):
            worker = await leave.enter_async_context(
                running_program(
                    *module("celery", "-A", "tests.benchmarks.celery_app", "worker", "-n", f"worker-{number}@baseline"),
                    *("--concurrency", str(PROCESSES), "--loglevel", "WARNING", "--without-gossip"),
                    environment=environment,
                    log=logs / "celery.log",
                    pipes=True,
                )
            )
            while await line_of(worker, logs / "celery.log") != "ready":
                continue
            pids[f"worker {number}"] = worker.pid
        command = module("tests.benchmarks.celery_web", str(web_port))
        web = await leave.enter_async_context(
            running_program(*command, environment=environment, log=logs / "celery_web.log")
        )
        address = f"http://127.0.0.1:{web_port}"
        await until(lambda: answers(f"{address}/openapi.json"), "the web process answers")
        client = await leave.enter_async_context(httpx.AsyncClient(base_url=address, timeout=60))
        simulator = await leave.enter_async_context(httpx.AsyncClient(base_url=stack.addresses.simulator, timeout=60))
        hook = {"name": "baseline", "url": f"{address}/hook", "events": ["message:in:new"], "device": device}
        (await simulator.post("/v1/webhooks", json=hook, headers={"Token": token})).raise_for_status()
        yield Baseline(stack, client, simulator, broker, device, {**pids, "web": web.pid})


async def make_tables(database: str) -> None:
    """The baseline's own tables."""
    connection = await asyncpg.connect(database)
    await connection.execute(SCHEMA)
    await connection.close()
