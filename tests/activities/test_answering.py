"""A launch that is ahead of its time leaves the machine to replies that are being answered."""

import asyncio
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities import campaigns
from activities.answering import ANSWERING_SECONDS, LONGEST_REST_SECONDS, REST, Answering
from activities.campaigns import CampaignRecords
from activities.deliveries import ChannelDeliveries
from activities.ledger import Ledger
from db.engine import Database
from domain.campaigns import CampaignRef
from tests.ledger_world import QUICK, SECRETS, World, attempt
from tests.platform_double import PlatformDouble
from workflows.ports import LaunchRequest

STEP = 0.01


class Clock:
    """A clock that only rests move."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.rests: list[float] = []
        self.answering = Answering(lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Notes it and is over."""
        self.rests.append(seconds)
        self.now += seconds

    async def step(self, seconds: float = STEP, *, stopping: bool = False) -> None:
        """A step of this length that gives way."""
        environment = ActivityEnvironment()
        if stopping:
            environment.worker_shutdown()
        self.now += seconds
        await environment.run(self.answering.give_way, seconds)


async def test_a_step_rests_by_its_own_length_while_people_are_answered_and_not_otherwise() -> None:
    clock = Clock()
    await clock.step()
    assert clock.rests == [], "nobody was ever answered"

    clock.answering.begins()
    await clock.step()
    await clock.step(seconds=9.0)  # the server was away meanwhile
    assert clock.rests == pytest.approx([REST * STEP, LONGEST_REST_SECONDS])

    clock.now += ANSWERING_SECONDS
    await clock.step()
    assert len(clock.rests) == 2, "the last answer is long past"


async def test_a_worker_that_stops_does_not_rest() -> None:
    clock = Clock()
    clock.answering.begins()
    await clock.step(stopping=True)
    assert clock.rests == []


class Noted(Answering):
    """Notes who gave way."""

    def __init__(self) -> None:
        super().__init__()
        self.gave_way = 0

    async def give_way(self, took: float) -> None:
        """Without a rest."""
        assert took >= 0
        self.gave_way += 1


@pytest.mark.parametrize(("delay_seconds", "gave_way"), [(0.0, 0), (0.1, 0), (60.0, 4)])
async def test_only_contacts_whose_turn_is_far_off_are_started_slowly(
    database: Database, delay_seconds: float, gave_way: int
) -> None:
    world, way = await World.make(database), Noted()
    for _ in range(5):
        await world.person(launched_at=None)
    launch = CampaignRecords(database, Mock(spec=Client), answering=way).launch

    assert (await ActivityEnvironment().run(launch, launch_of(world, delay_seconds))).started == 5
    assert way.gave_way == gave_way


class Endless(Answering):
    """Its rest ends when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.resting, self.over = asyncio.Event(), asyncio.Event()

    async def give_way(self, took: float) -> None:
        """Until told."""
        self.resting.set()
        await self.over.wait()


def launch_of(world: World, delay_seconds: float) -> LaunchRequest:
    """The next batch, its contacts so far apart."""
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    return LaunchRequest(campaign=campaign, size=10, first_at=datetime.now(UTC), delay_seconds=delay_seconds)


async def test_contacts_that_are_due_do_not_wait_for_the_rest_of_another_campaigns(database: Database) -> None:
    slow, due, way = await World.make(database), await World.make(database), Endless()
    for world in (slow, due):
        await world.person(launched_at=None)
        await world.person(launched_at=None)
    launch = CampaignRecords(database, Mock(spec=Client), answering=way).launch
    first = asyncio.create_task(ActivityEnvironment().run(launch, launch_of(slow, 60.0)))
    await way.resting.wait()

    assert (await ActivityEnvironment().run(launch, launch_of(due, 0.0))).started == 2
    assert not first.done()

    way.over.set()
    assert (await first).started == 2


async def test_a_launch_gives_way_for_a_while_only(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "PATIENCE_SECONDS", 0.0)
    world, way = await World.make(database), Noted()
    await world.person(launched_at=None)
    await world.person(launched_at=None)

    launch = CampaignRecords(database, Mock(spec=Client), answering=way).launch

    assert (await ActivityEnvironment().run(launch, launch_of(world, 60.0))).started == 2
    assert way.gave_way == 0


async def test_a_reply_tells_that_people_are_answered_and_bulk_does_not(database: Database) -> None:
    world, way = await World.make(database), Answering()
    sending = ChannelDeliveries(Ledger(database), {"wassenger": PlatformDouble()}, SECRETS, QUICK, answering=way)
    bulk, reply = await world.people(2)

    await attempt(sending, bulk.message_1())
    assert not way.is_going_on()
    await attempt(sending, reply.message_2())
    assert way.is_going_on()
