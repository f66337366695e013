"""A process that is told to stop ends what it has begun and takes nothing new; one that dies is missed (OPS-3)."""

import asyncio
import signal
import time

import httpx
import pytest
from temporalio.api.workflowservice.v1 import ListWorkersRequest

from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from tests.journeys.house import House
from tests.operations.fleet import Fleet
from tests.waiting import until

QUEUES = (TASK_QUEUE, SEND_TASK_QUEUE)

MISSED_WITHIN = 15.0
"""Promised by /readyz for a worker that was killed."""


async def test_a_worker_told_to_stop_ends_its_sends_and_takes_no_new_ones(fleet: Fleet, house: House) -> None:
    stopping, other = fleet.workers
    await other.stop()
    channel = await house.channel(rate=50)
    await house.fault({"kind": "accept_then_delay", "seconds": 1.5, "match": {"device": channel.device}})
    campaign = await house.campaign(channel, 30, pacing={"delay_seconds": 0, "batch_size": 100})

    async def some_are_asked() -> bool:
        return len(await house.posts(channel)) >= 3

    await until(some_are_asked, "some calls are under way")
    stopping.signal(signal.SIGTERM)
    told_at = time.monotonic()

    async def is_unready() -> bool:
        try:
            answer = await stopping.get("/readyz")
        except httpx.TransportError:
            return stopping.process is not None and stopping.process.returncode is not None
        return answer.status_code == 503 and "this process is stopping" in answer.json()["missing"]

    await until(is_unready, "the worker says that it stops")
    assert await stopping.ended() == 0, stopping.log[-3000:]
    assert time.monotonic() - told_at < 20  # GRACE is 15
    sent = await house.rows("SELECT status, count(*) AS number FROM deliveries WHERE tenant_id = :tenant GROUP BY 1")
    posts = await house.posts(channel)
    states = {row.status: row.number for row in sent}
    assert states.get("sent", 0) == len(posts), "each call that was begun has its answer on record"
    assert "worker stopped" in stopping.log

    await house.fault()
    await asyncio.gather(stopping.start(), other.start())
    await house.until_count(campaign, "out", 30)
    assert await house.doubles(channel) == []


async def test_an_api_told_to_stop_serves_on_for_a_while_but_is_not_ready(fleet: Fleet, house: House) -> None:
    draining = fleet.program("api", RELANCE_DRAIN_SECONDS="60")
    await draining.start()
    try:
        assert (await draining.get("/readyz")).status_code == 200
        draining.signal(signal.SIGTERM)

        async def is_unready() -> bool:
            return (await draining.get("/readyz")).status_code == 503

        await until(is_unready, "the API is not ready any more")
        said = (await draining.get("/readyz")).json()
        assert "process: is stopping" in said["detail"]
        assert [check["name"] for check in said["checks"] if not check["ok"]] == ["process"]
        async with fleet.speaker(draining, house.api.headers["Authorization"].removeprefix("Bearer ")) as api:
            assert (await api.get("/api/campaigns")).status_code == 200
        draining.signal(signal.SIGTERM)  # told twice: at once
        assert await draining.ended() == 0, draining.log[-3000:]
        assert "api.stopped" in draining.log
    finally:
        await draining.stop()


@pytest.mark.alone
async def test_killed_workers_are_missed_within_fifteen_seconds(fleet: Fleet, house: House) -> None:
    api = fleet.apis[0]

    async def beats() -> bool:
        """Both have told the server that they live, on both queues: from then on it is their silence that tells."""
        return await heartbeats(fleet) == {(worker.pid, queue) for worker in fleet.workers for queue in QUEUES}

    await until(beats, "the workers' hearts beat")
    await fleet.workers[0].kill()
    assert (await api.get("/readyz")).status_code == 200, "one of two is enough"

    await fleet.workers[1].kill()

    async def missed() -> bool:
        answer = await api.get("/readyz")
        lacks = [check["name"] for check in answer.json()["checks"] if not check["ok"]] if answer.is_error else []
        return lacks == ["worker on relance", "worker on relance-send"]

    await until(missed, "the API misses the workers", within=MISSED_WITHIN)
    assert (await api.page()).total("relance_ready") == 2
    await asyncio.gather(*(worker.start() for worker in fleet.workers))
    await until(lambda: ready(fleet), "the fleet is ready again")


async def heartbeats(fleet: Fleet) -> set[tuple[int, str]]:
    """Which of the fleet's worker processes the server has heard of, and for which queue."""
    request = ListWorkersRequest(namespace=fleet.client.namespace)
    answer = await fleet.client.workflow_service.list_workers(request)
    beats = [info.worker_heartbeat for info in answer.workers_info]
    known = {(int(beat.worker_identity.partition("@")[0]), beat.task_queue) for beat in beats}
    return {(pid, queue) for pid, queue in known if pid in {worker.pid for worker in fleet.workers}}


async def ready(fleet: Fleet) -> bool:
    """The first API's own word."""
    return (await fleet.apis[0].get("/readyz")).is_success
