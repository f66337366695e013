"""A worker's lines tell which tenant, workflow and delivery they are about, and nothing of the person (SPEC OPS-3)."""

import io
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.deliveries import ChannelDeliveries
from activities.ledger import Ledger
from activities.log_ids import LogIds
from db.engine import Database
from domain.deliveries import DeliveryRequest, Receipt
from tests.ledger_world import QUICK, SECRETS, World
from tests.log_lines import caught_lines
from tests.platform_double import PlatformDouble
from workflows.policies import IRREVERSIBLE
from workflows.ports import Deliveries


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a worker writes, as in production."""
    with caught_lines("worker") as caught:
        yield caught


@activity.defn(name="test.fails")
async def fails(request: DeliveryRequest) -> None:
    """Has a bug."""
    raise KeyError("a bug")


@workflow.defn(name="TestSendsAndFails")
class SendsAndFails:
    """Sends, then meets a bug."""

    @workflow.run
    async def run(self, request: DeliveryRequest) -> Receipt:
        """Never ends well."""
        await workflow.execute_activity_method(Deliveries.send, request, **IRREVERSIBLE)
        limits: dict[str, Any] = {**IRREVERSIBLE, "retry_policy": RetryPolicy(maximum_attempts=1)}
        await workflow.execute_activity(fails, request, **limits)
        raise AssertionError("unreachable")


async def test_each_line_of_a_send_and_of_a_failure_names_tenant_workflow_and_delivery(
    database: Database, temporal: WorkflowEnvironment, lines: io.StringIO
) -> None:
    world = await World.make(database)
    person, queue = await world.person(), str(uuid4())
    sending = ChannelDeliveries(Ledger(database), {"wassenger": PlatformDouble()}, SECRETS, QUICK)
    async with Worker(
        temporal.client,
        task_queue=queue,
        workflows=[SendsAndFails],
        activities=[sending.send, fails],
        interceptors=[LogIds()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        with pytest.raises(WorkflowFailureError):
            await temporal.client.execute_workflow(SendsAndFails.run, person.message_1(), id=queue, task_queue=queue)

    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    [sent] = [line for line in written if line["event"] == "delivery.asked"]
    [failed] = [line for line in written if line.get("activity_type") == "test.fails"]
    for line in (sent, failed):
        assert (line["tenant_id"], line["workflow_id"]) == (str(world.tenant_id), queue)
        assert (line["campaign_id"], line["contact_id"]) == (str(world.campaign_id), str(person.contact_id))
    delivery = await person.delivery()
    assert delivery is not None
    assert (sent["delivery_id"], sent["outcome"], sent["kind"]) == (str(delivery.id), "sent", "message_1")
    assert "exception" in failed
    assert person.phone.removeprefix("+") not in lines.getvalue()
