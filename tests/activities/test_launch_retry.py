"""Failed contacts are put back in line, and started, whatever goes on just then."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.campaigns import CampaignRecords
from db.engine import Database
from db.running import mark_launched, next_to_launch, take_stock
from domain import ids
from domain.campaigns import CampaignRef
from domain.statuses import CampaignStatus
from tests.ledger_world import Person, World, until
from workflows.ports import Count, LaunchRequest, LaunchResult, MarkRequest, MarkResult


async def launch(database: Database, client: Client, world: World) -> LaunchResult:
    """The next batch, with nobody there to run it."""
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    request = LaunchRequest(campaign=campaign, size=10, first_at=datetime.now(UTC), delay_seconds=0)
    result: LaunchResult = await ActivityEnvironment().run(CampaignRecords(database, client).launch, request)
    return result


async def running(client: Client, person: Person) -> tuple[str | None, WorkflowExecutionStatus | None]:
    """The person's present run."""
    description = await client.get_workflow_handle(workflow_id(person)).describe()
    return description.run_id, description.status


def workflow_id(person: Person) -> str:
    """The id that all runs of an enrollment share."""
    campaign_id: UUID = person.world.campaign_id
    return ids.enrollment_workflow_id(campaign_id, person.contact_id)


async def requeue(person: Person) -> None:
    """The operator's "retry failed"."""
    await person.world.run(
        "UPDATE enrollments SET generation = generation + 1, launched_at = NULL WHERE tenant_id = :tenant"
    )


async def test_a_retry_takes_the_place_of_the_run_that_failed(
    database: Database, temporal: WorkflowEnvironment
) -> None:
    world = await World.make(database)
    person = await world.person(launched_at=None)
    await launch(database, temporal.client, world)
    failed, _ = await running(temporal.client, person)

    await requeue(person)
    assert (await launch(database, temporal.client, world)).started == 1

    retry, status = await running(temporal.client, person)
    assert (retry != failed, status) == (True, WorkflowExecutionStatus.RUNNING)
    await temporal.client.get_workflow_handle(workflow_id(person)).terminate()


async def test_a_contact_that_is_put_back_in_line_while_its_batch_is_launched_gets_its_next_turn(
    database: Database,
) -> None:
    world = await World.make(database)
    person, other = await world.person(launched_at=None, position=1), await world.person(launched_at=None, position=2)
    names = (world.tenant_id, world.campaign_id)
    async with database.tenant(world.tenant_id) as session:
        batch = await next_to_launch(session, *names, 2)
    await world.run(
        "UPDATE enrollments SET generation = 1 WHERE tenant_id = :tenant AND contact_id = :person",
        person=person.contact_id,
    )
    async with database.tenant(world.tenant_id) as session:
        await mark_launched(session, *names, batch)
        assert [one.contact_id for one in await next_to_launch(session, *names, 2)] == [person.contact_id]
        stock = await take_stock(session, *names, datetime.now(UTC))
    assert (stock.in_line, stock.in_flight) == (1, 1)
    assert (await other.enrollment()).launched_at is not None


def cancel(world: World) -> MarkRequest:
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    return MarkRequest(campaign=campaign, status=CampaignStatus.CANCELLED, delay_seconds=0)


async def stop(records: CampaignRecords, world: World, environment: ActivityEnvironment) -> int:
    """How many a cancel says that it stopped."""
    result: MarkResult = await environment.run(records.mark, cancel(world))
    return result.affected


async def put_back(records: CampaignRecords, world: World, environment: ActivityEnvironment) -> int:
    """How many a retry says that it put back in line."""
    result: Count = await environment.run(records.requeue_failed, cancel(world).campaign)
    return result.count


Order = Callable[[CampaignRecords, World, ActivityEnvironment], Coroutine[Any, Any, int]]


async def person_for(order: Order, world: World) -> None:
    """Somebody whom the order is about."""
    if order is stop:
        await world.person()
    else:
        await world.person(status="failed", closed_at=datetime.now(UTC))


def trying(attempt: int, beats: list[Any] | None = None) -> ActivityEnvironment:
    """Where an activity runs for the how-manieth time; `beats` gets its heartbeats."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt, heartbeat_timeout=timedelta(seconds=0.1))
    environment.on_heartbeat = lambda *details: None if beats is None else beats.append(details)
    return environment


@pytest.mark.parametrize("order", [stop, put_back])
async def test_an_order_that_is_repeated_since_its_answer_was_lost_answers_the_same(
    database: Database, order: Order
) -> None:
    world, records = await World.make(database), CampaignRecords(database, Mock(spec=Client))
    for _ in range(3):
        await person_for(order, world)

    assert await order(records, world, trying(1)) == 3
    assert await order(records, world, trying(2)) == 3


@pytest.mark.parametrize("order", [stop, put_back])
async def test_an_order_that_takes_long_says_that_it_lives(database: Database, order: Order) -> None:
    world, records = await World.make(database), CampaignRecords(database, Mock(spec=Client))
    await person_for(order, world)
    beats: list[Any] = []

    async with database.tenant(world.tenant_id) as session:
        await session.execute(
            text("SELECT 1 FROM enrollments WHERE campaign_id = :id FOR UPDATE"), {"id": world.campaign_id}
        )
        ordered = asyncio.create_task(order(records, world, trying(1, beats)))

        async def told() -> bool:
            return len(beats) >= 2

        await until(told)
        assert not ordered.done()
    assert await ordered == 1


async def test_a_launch_that_is_repeated_leaves_the_run_that_it_started(
    database: Database, temporal: WorkflowEnvironment
) -> None:
    world = await World.make(database)
    person = await world.person(launched_at=None, generation=1)
    for _ in range(2):
        await launch(database, temporal.client, world)
        await world.run("UPDATE enrollments SET launched_at = NULL WHERE tenant_id = :tenant")
        first, status = await running(temporal.client, person)

    await launch(database, temporal.client, world)

    assert await running(temporal.client, person) == (first, status)
    await temporal.client.get_workflow_handle(workflow_id(person)).terminate()
