"""Whether the process is alive, and whether all that it needs to do its work is there."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse, Response
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.dependencies import Services, ServicesDep
from api.problems import problem_response
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE

CHECK_WITHIN = timedelta(seconds=2)
POLLER_SEEN_WITHIN = timedelta(seconds=75)
"""A poll lasts up to a minute; a worker that was not heard of for longer is gone, though Temporal still lists it."""

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
    missing = [check for check in checks if not check.ok]
    if not missing:
        return Ready(checks=checks)
    detail = "Not ready: " + " ".join(f"{check.name}: {check.detail}" for check in missing)
    return problem_response(
        503, "Service Unavailable", detail, extra={"checks": [check.model_dump() for check in checks]}
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, services: ServicesDep) -> PlainTextResponse:
    """The same checks as gauges, in Prometheus' text format."""
    lines = [
        "# HELP relance_build_info The version that runs; always 1.",
        "# TYPE relance_build_info gauge",
        f'relance_build_info{{version="{request.app.version}"}} 1',
        "# HELP relance_ready Whether a thing that Relance needs is there.",
        "# TYPE relance_ready gauge",
    ]
    lines += [f'relance_ready{{check="{check.name}"}} {int(check.ok)}' for check in await all_checks(services)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


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
    """Raises `_Missing` unless somebody polls the queue for activities and, where it has any, for workflows."""
    kinds = {TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY: "activities"}
    if with_workflows:
        kinds[TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW] = "workflows"
    for kind, work in kinds.items():
        if not is_polled(await _pollers(client, queue, kind)):
            raise _Missing(f"nobody polls this queue for {work}; start a worker.")


async def _pollers(client: Client, queue: str, kind: "TaskQueueType.ValueType") -> list[PollerInfo]:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind),
        timeout=CHECK_WITHIN,
    )
    return list(answer.pollers)


def is_polled(pollers: list[PollerInfo]) -> bool:
    """Whether one of them was heard of lately enough to be alive."""
    oldest = datetime.now(UTC) - POLLER_SEEN_WITHIN
    return any(poller.last_access_time.ToDatetime(UTC) > oldest for poller in pollers)
