"""Each contact is sent the variant that it was given when it was launched, whatever died in between (SPEC CAM-16)."""

from collections import Counter
from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.campaigns import CampaignRecords
from db.engine import Database
from domain.campaigns import CampaignRef
from domain.deliveries import DeliveryRequest
from tests.ledger_world import Person, World, attempt, sender, settle
from tests.platform_double import PlatformDouble
from workflows.ports import LaunchRequest

VARIANTS = """[
    {"name": "A", "weight": 2, "text": "Hello {{ first_name | default('you') }}"},
    {"name": "B", "weight": 1, "text": "Good day"}
]"""


async def testing(database: Database) -> World:
    """A running campaign with an A/B test."""
    world = await World.make(database)
    await world.run("UPDATE campaigns SET variants = CAST(:variants AS jsonb)", variants=VARIANTS)
    return world


async def given(world: World) -> list[int | None]:
    """The variants of its contacts, in line."""
    rows = await world.run("SELECT variant FROM enrollments WHERE campaign_id = :campaign ORDER BY position")
    return [row.variant for row in rows]


async def text_of(person: Person, request: DeliveryRequest | None = None) -> str | None:
    """What was sent."""
    delivery = await person.delivery(request)
    return delivery.body if delivery is not None else None


async def test_batches_and_launches_that_are_repeated_split_as_one(
    database: Database, temporal: WorkflowEnvironment
) -> None:
    world = await testing(database)
    for _ in range(7):
        await world.person(launched_at=None)
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    records = CampaignRecords(database, temporal.client)

    async def launch(size: int) -> None:
        request = LaunchRequest(campaign=campaign, size=size, first_at=datetime.now(UTC), delay_seconds=3600)
        await ActivityEnvironment().run(records.launch, request)

    await launch(4)
    first = await given(world)
    # It died before it could note that they are launched, and is repeated.
    await world.run("UPDATE enrollments SET launched_at = NULL WHERE tenant_id = :tenant")
    await launch(4)
    assert await given(world) == first
    assert first[4:] == [None, None, None]
    await launch(10)

    everyone = await given(world)
    assert everyone[:4] == first[:4]
    assert Counter(everyone[:6]) == {0: 4, 1: 2}


async def test_the_text_is_the_variants_on_the_short_way_and_on_the_long_one(database: Database) -> None:
    world = await testing(database)
    short, long, without = [await world.person(variant=number) for number in (0, 1, None)]
    send = sender(database, PlatformDouble())

    await settle(send, short.message_1())
    await world.run("UPDATE campaigns SET status = 'paused' WHERE tenant_id = :tenant")
    await attempt(send, long.message_1())
    await world.run("UPDATE campaigns SET status = 'running' WHERE tenant_id = :tenant")
    await settle(send, long.message_1())
    await settle(send, without.message_1())

    assert [await text_of(one) for one in (short, long, without)] == ["Hello you", "Good day", "Hello there"]


async def test_a_retry_keeps_its_variant_and_message_2_is_the_same_for_all(database: Database) -> None:
    world = await testing(database)
    person = await world.person(variant=1)
    send = sender(database, PlatformDouble())

    await settle(send, person.message_1())
    await settle(send, person.message_1(generation=1))
    await settle(send, person.message_2())

    sent = [person.message_1(), person.message_1(generation=1), person.message_2()]
    assert [await text_of(person, request) for request in sent] == ["Good day", "Good day", "Thanks"]
