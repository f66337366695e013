"""The rate of the send queue: set once, left alone when it stands, and no reason not to start when it cannot be set."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.workflowservice.v1 import DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from tests.waiting import until
from workflows.standing import SHARE, _share_now, limit_send_queue


class Service:
    """A server's answers, and how often it was asked to change something."""

    def __init__(self, client: Client | None, refusal: RPCStatusCode | None = None) -> None:
        self._real = client.workflow_service if client else None
        self._refusal = refusal
        self.changes = 0

    async def describe_task_queue(self, request: Any) -> Any:
        """What stands there: nothing, without a real server."""
        return await self._real.describe_task_queue(request) if self._real else DescribeTaskQueueResponse()

    async def update_task_queue_config(self, request: Any) -> Any:
        """Counts, and passes on or refuses."""
        self.changes += 1
        if self._refusal is not None:
            raise RPCError("Expected exactly one row to be updated", self._refusal, b"")
        return await self._real.update_task_queue_config(request) if self._real else None


def seen_by(service: Service) -> Client:
    """A client over that service."""
    return cast("Client", SimpleNamespace(namespace="default", identity="test", workflow_service=service))


async def test_the_rate_is_set_once_and_then_left_alone(temporal: WorkflowEnvironment) -> None:
    await limit_send_queue(temporal.client)

    async def is_known() -> bool:
        """The server has written it down when it answers, and takes it up a moment later."""
        return await _share_now(temporal.client) == SHARE

    await until(is_known, "the server tells the rate")
    service = Service(temporal.client)
    await limit_send_queue(seen_by(service))
    assert service.changes == 0


async def test_where_no_rate_stands_it_is_set() -> None:
    service = Service(None)
    await limit_send_queue(seen_by(service))
    assert service.changes == 1


@pytest.mark.parametrize(
    "status", [RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.INVALID_ARGUMENT]
)
async def test_a_worker_starts_without_the_rate_where_the_server_does_not_take_it(status: RPCStatusCode) -> None:
    service = Service(None, status)
    await limit_send_queue(seen_by(service))
    assert service.changes == 1


async def test_an_outage_is_no_reason_to_do_without_the_rate() -> None:
    with pytest.raises(RPCError):
        await limit_send_queue(seen_by(Service(None, RPCStatusCode.UNAVAILABLE)))
