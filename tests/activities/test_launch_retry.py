"""A retry is started also while the run of the failed Message 1 is still on its way to its end."""

from datetime import UTC, datetime
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.campaigns import CampaignRecords
from db.engine import Database
from domain import ids
from domain.campaigns import CampaignRef
from tests.ledger_world import Person, World
from workflows.ports import LaunchRequest, LaunchResult


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
