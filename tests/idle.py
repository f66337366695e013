"""Workers that have nothing to do, and work that nobody does; none of it by the workflows of the house."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE


@workflow.defn(name="TestIdle")
class Idle:
    """Does nothing: its worker only has to poll."""

    @workflow.run
    async def run(self) -> None:
        return


@activity.defn(name="test.idle")
async def idle() -> None:
    """Does nothing."""


@workflow.defn(name="TestAsks")
class Asks:
    """Has an activity put on each of these queues, and waits for all of them."""

    @workflow.run
    async def run(self, queues: list[str]) -> None:
        """Ends when they are done."""
        limit = timedelta(hours=1)
        asked = [workflow.execute_activity(idle, task_queue=queue, start_to_close_timeout=limit) for queue in queues]
        await asyncio.gather(*asked)


@asynccontextmanager
async def polled(temporal: Client) -> AsyncIterator[None]:
    """Both queues have a worker while the block runs."""
    runner = UnsandboxedWorkflowRunner()
    ordinary = Worker(temporal, task_queue=TASK_QUEUE, workflows=[Idle], activities=[idle], workflow_runner=runner)
    async with ordinary, Worker(temporal, task_queue=SEND_TASK_QUEUE, activities=[idle]):
        yield


@asynccontextmanager
async def asked_for(temporal: Client, queues: Sequence[str]) -> AsyncIterator[None]:
    """An activity is on each of these queues while the block runs; whoever asked for it works on another."""
    own = f"asks-{uuid4()}"
    async with Worker(temporal, task_queue=own, workflows=[Asks], workflow_runner=UnsandboxedWorkflowRunner()):
        asking = await temporal.start_workflow(Asks.run, list(queues), id=own, task_queue=own)
        yield
        await asking.terminate()
