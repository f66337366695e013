"""Whether the process is alive, and whether all that it needs to do its work is there."""

import asyncio
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Request
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse, Response
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.client import Client
from temporalio.service import RPCError

from api.dependencies import Services, ServicesDep
from api.gauges import Gauges, registry_of
from api.pollers import is_polled
from api.problems import problem_response
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE

CHECK_WITHIN = timedelta(seconds=2)
router = APIRouter(tags=["health"])


class Check(BaseModel):
    """One thing that Relance needs."""

    name: str
    ok: bool
    detail: str


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Everything is there."""

    status: Literal["ready"] = "ready"
    checks: list[Check]


@router.get("/healthz")
async def healthz() -> Alive:
    """Whether this process answers; looks at nothing else, so that nobody kills it for another's fault."""
    return Alive()


@router.get("/readyz", response_model=Ready)
async def readyz(services: ServicesDep) -> Ready | Response:
    """Whether database, Temporal and a worker on every queue are there; 503 names each that is missing in `checks`."""
    checks = await all_checks(services)
    if services.draining.is_set():
        checks.insert(0, Check(name="process", ok=False, detail="is stopping and takes nothing new."))
    missing = [check for check in checks if not check.ok]
    if not missing:
        return Ready(checks=checks)
    detail = "Not ready: " + " ".join(f"{check.name}: {check.detail}" for check in missing)
    return problem_response(
        503, "Service Unavailable", detail, extra={"checks": [check.model_dump() for check in checks]}
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, services: ServicesDep) -> Response:
    """All that this process counts, the same checks as gauges, and what waits, in Prometheus' text format."""
    gauges: Gauges = request.app.state.gauges
    checks, waiting = await asyncio.gather(all_checks(services), gauges.registry())
    parts = (services.meter.registry, registry_of(_as_gauges(checks)), waiting)
    text = b"".join(generate_latest(part) for part in parts) + await services.sdk_metrics()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _as_gauges(checks: list[Check]) -> Iterator[Metric]:
    ready = GaugeMetricFamily("relance_ready", "Whether a thing that Relance needs is there.", labels=["check"])
    for check in checks:
        ready.add_metric([check.name], int(check.ok))
    yield ready


async def all_checks(services: Services) -> list[Check]:
    """Every check, made at the same time; none takes longer than `CHECK_WITHIN`."""
    client = services.workflows.client
    looks = (
        _check("database", services.database.ping(), "answers"),
        _check("temporal", _reach(client), "answers"),
        _check(f"worker on {TASK_QUEUE}", _worker(client, TASK_QUEUE, with_workflows=True), "polls"),
        _check(f"worker on {SEND_TASK_QUEUE}", _worker(client, SEND_TASK_QUEUE, with_workflows=False), "polls"),
    )
    return list(await asyncio.gather(*looks))


class _Missing(Exception):
    """Something that was asked for is not there."""


async def _check(name: str, look: Awaitable[None], fine: str) -> Check:
    try:
        async with asyncio.timeout(CHECK_WITHIN.total_seconds()):
            await look
    except _Missing as error:
        return Check(name=name, ok=False, detail=str(error))
    except (SQLAlchemyError, RPCError, OSError, RuntimeError) as error:
        # RuntimeError is what the SDK's client raises as long as its first connection does not come about.
        return Check(name=name, ok=False, detail=f"does not answer ({type(error).__name__}).")
    return Check(name=name, ok=True, detail=fine)


async def _reach(client: Client) -> None:
    if not await client.service_client.check_health(timeout=CHECK_WITHIN):
        raise _Missing("answers, but says that it is not serving.")


async def _worker(client: Client, queue: str, *, with_workflows: bool) -> None:
    """Raises `_Missing` unless a living worker polls the queue for activities and, where it has any, for workflows."""
    kinds = {TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY: "activities"}
    if with_workflows:
        kinds[TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW] = "workflows"
    for kind, work in kinds.items():
        if not await is_polled(client, queue, kind, CHECK_WITHIN):
            raise _Missing(f"nobody polls this queue for {work}; start a worker.")
