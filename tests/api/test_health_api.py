"""Health: alive whatever is missing, ready only when everything is there, and the missing part by its name."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import WorkerStatus
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api import health, pollers
from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from tests.api.people import BASE_URL, client
from tests.idle import Idle, idle
from tests.own_parts import own_temporal
from workflows.handles import Workflows

WORKERS = [f"worker on {TASK_QUEUE}", f"worker on {SEND_TASK_QUEUE}"]


@pytest.fixture
async def engine() -> AsyncIterator[Client]:
    """A Temporal of its own: workers of other tests are remembered by theirs for minutes."""
    async with own_temporal() as environment:
        yield environment.client


@pytest.fixture
async def nowhere() -> AsyncIterator[Database]:
    """A database that nobody serves."""
    database = Database.connect("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    yield database
    await database.close()


def api(database: Database, temporal: Client, secrets: SecretBox) -> httpx.AsyncClient:
    return client(create_app(database, Workflows(temporal), secrets, public_url=BASE_URL), None)


async def nobody_home() -> Client:
    """A client of a Temporal that is not there."""
    return await Client.connect("127.0.0.1:1", lazy=True)


def missing(answer: httpx.Response) -> list[str]:
    return [check["name"] for check in answer.json()["checks"] if not check["ok"]]


async def until_missing(http: httpx.AsyncClient, expected: list[str]) -> httpx.Response:
    """A worker is known to the server a moment after it has started to poll."""
    for _ in range(200):
        answer = await http.get("/readyz")
        if missing(answer) == expected:
            break
        await asyncio.sleep(0.02)
    return answer


def workflow_worker(temporal: Client) -> Worker:
    return Worker(
        temporal,
        task_queue=TASK_QUEUE,
        workflows=[Idle],
        activities=[idle],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def test_ready_only_with_a_worker_on_each_queue(database: Database, engine: Client, secrets: SecretBox) -> None:
    async with api(database, engine, secrets) as http:
        nobody = await http.get("/readyz")
        assert (nobody.status_code, nobody.headers["content-type"]) == (503, "application/problem+json")
        assert missing(nobody) == WORKERS
        async with workflow_worker(engine):
            one = await until_missing(http, WORKERS[1:])
            assert one.status_code == 503
            assert f"{WORKERS[1]}: nobody polls this queue for activities" in one.json()["detail"]
            async with Worker(engine, task_queue=SEND_TASK_QUEUE, activities=[idle]):
                both = await until_missing(http, [])
                assert (both.status_code, both.json()["status"]) == (200, "ready")


async def test_a_worker_that_takes_no_workflows_is_not_enough(
    database: Database, engine: Client, secrets: SecretBox
) -> None:
    async with api(database, engine, secrets) as http, Worker(engine, task_queue=TASK_QUEUE, activities=[idle]):
        for _ in range(200):
            answer = await http.get("/readyz")
            if "for workflows" in answer.json()["detail"]:
                break
            await asyncio.sleep(0.02)
        assert f"{WORKERS[0]}: nobody polls this queue for workflows" in answer.json()["detail"]


async def test_a_database_that_is_away_is_named(nowhere: Database, engine: Client, secrets: SecretBox) -> None:
    async with api(nowhere, engine, secrets) as http:
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert missing(answer) == ["database", *WORKERS]


async def test_a_temporal_that_is_away_is_named_in_time(database: Database, secrets: SecretBox) -> None:
    async with api(database, await nobody_home(), secrets) as http:
        async with asyncio.timeout(2 * health.CHECK_WITHIN.total_seconds()):
            answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert missing(answer) == ["temporal", *WORKERS]


def beat(identity: str, ago: timedelta, status: "WorkerStatus.ValueType") -> WorkerHeartbeat:
    """What the server keeps of a worker process."""
    at = Timestamp()
    at.FromDatetime(NOW - ago)
    return WorkerHeartbeat(worker_identity=identity, heartbeat_time=at, status=status)


RUNNING, STOPPING = WorkerStatus.WORKER_STATUS_RUNNING, WorkerStatus.WORKER_STATUS_SHUTTING_DOWN
NOW = datetime.now(UTC)
LATELY, LONG_AGO = pollers.HEARD_WITHIN / 2, pollers.HEARD_WITHIN * 2


def test_a_worker_is_alive_as_long_as_it_polls_or_its_heart_beats() -> None:
    polled_lately, polled_long_ago = NOW - LATELY, NOW - LONG_AGO

    assert pollers.is_alive(polled_long_ago, beat("w", LATELY, RUNNING), NOW, pollers.HEARD_WITHIN)
    assert pollers.is_alive(polled_lately, beat("w", LONG_AGO, RUNNING), NOW, pollers.HEARD_WITHIN)
    assert not pollers.is_alive(polled_long_ago, beat("w", LONG_AGO, RUNNING), NOW, pollers.HEARD_WITHIN)


def test_a_worker_that_says_that_it_stops_is_not_counted_on_until_it_polls_again() -> None:
    assert not pollers.is_alive(NOW - LATELY, beat("w", LATELY / 2, STOPPING), NOW, pollers.HEARD_WITHIN)
    assert pollers.is_alive(NOW - LATELY / 2, beat("w", LATELY, STOPPING), NOW, pollers.HEARD_WITHIN)


def test_a_server_that_keeps_no_heartbeats_is_believed_about_pollers_for_longer() -> None:
    assert pollers.is_alive(NOW - timedelta(seconds=59), None, NOW, pollers.POLLER_SEEN_WITHIN)
    assert not pollers.is_alive(NOW - pollers.POLLER_SEEN_WITHIN * 2, None, NOW, pollers.POLLER_SEEN_WITHIN)


def test_one_that_died_before_its_first_heartbeat_is_not_counted_on_for_the_length_of_a_poll() -> None:
    assert pollers.is_alive(NOW - LATELY, None, NOW, pollers.HEARD_WITHIN)
    assert not pollers.is_alive(NOW - LONG_AGO, None, NOW, pollers.HEARD_WITHIN)


def test_of_a_worker_and_its_forerunner_the_last_heartbeat_counts() -> None:
    found = pollers.newest([beat("w", LATELY, RUNNING), beat("w", LONG_AGO, STOPPING), beat("v", LONG_AGO, STOPPING)])

    assert (found["w"].status, found["v"].status) == (RUNNING, STOPPING)


async def test_healthz_looks_at_nothing_else(nowhere: Database, secrets: SecretBox) -> None:
    async with api(nowhere, await nobody_home(), secrets) as http:
        answer = await http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_metrics_say_what_is_there(database: Database, secrets: SecretBox) -> None:
    async with api(database, await nobody_home(), secrets) as http:
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'relance_ready{check="database"} 1.0' in lines
    assert 'relance_ready{check="temporal"} 0.0' in lines
