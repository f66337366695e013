"""One message outside any campaign, with the clock skipped: what holds it is waited for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE, single_delivery_workflow_id
from domain.ids import test_send_key as key_of
from domain.statuses import DeliveryKind
from tests.waiting import until
from tests.workflows.doubles import RememberedDeliveries, ended, held, sent
from workflows.single_delivery import SingleDelivery


@asynccontextmanager
async def sending(
    environment: WorkflowEnvironment, deliveries: RememberedDeliveries
) -> AsyncIterator[WorkflowHandle[SingleDelivery, Receipt]]:
    """A test send under way; the worker keeps no cache, so that every step is replayed."""
    ordinary = Worker(environment.client, task_queue=TASK_QUEUE, workflows=[SingleDelivery], max_cached_workflows=0)
    sends = Worker(environment.client, task_queue=SEND_TASK_QUEUE, activities=[deliveries.send])
    delivery_id = uuid4()
    request = DeliveryRequest(
        tenant_id=uuid4(),
        channel_id=uuid4(),
        contact_id=uuid4(),
        kind=DeliveryKind.TEST,
        idempotency_key=key_of(delivery_id),
    )
    async with ordinary, sends:
        yield await environment.client.start_workflow(
            SingleDelivery.run, request, id=single_delivery_workflow_id(delivery_id), task_queue=TASK_QUEUE
        )


@pytest.mark.parametrize("waiting", [held(reason="The channel is paused."), ended(ReceiptOutcome.UNKNOWN)])
async def test_what_waits_for_days_is_let_go_by_a_release(skipping: WorkflowEnvironment, waiting: Receipt) -> None:
    deliveries = RememberedDeliveries(waiting)
    async with sending(skipping, deliveries) as handle:
        await skipping.sleep(timedelta(days=3, hours=1))

        async def asked_each_day() -> bool:
            return len(deliveries.asked) == 4

        await until(asked_each_day, "a release that was lost is made up for once a day")
        deliveries.answers = [sent]
        await handle.signal(SingleDelivery.release)
        assert (await handle.result()).outcome == ReceiptOutcome.SENT
    assert len(deliveries.out) == 1
