"""The process dies at every point of a send, fifty times each: nothing is doubled, nothing lost (SPEC F02).

The states that a death leaves behind are the table of docs/ledger.md.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from temporalio.exceptions import ApplicationError

from activities.deliveries import ChannelDeliveries
from connectors.errors import Transient
from db.engine import Database
from domain.deliveries import DeliveryRequest, ReceiptOutcome
from domain.receipts import RECEIPTS
from tests.activities.crashing import CrashingDatabase
from tests.ledger_world import Person, World, attempt, sender, settle, until
from tests.platform_double import Answer, Crash, PlatformDouble, crash, take, take_then_crash

RUNS = 50
Death = Callable[[Database, PlatformDouble, str], Database]
"""The database of a process that will die, from the platform and the key of the send."""


@dataclass(frozen=True)
class Point:
    """Where the process dies, and what is found there afterwards."""

    name: str
    delivery: str
    enrollment: str
    at_the_platform: int
    dies_in: Death = lambda database, platform, key: database
    answer: Answer = take


def in_the_claim(*, committed: bool) -> Death:
    """The first transaction of a send."""
    return lambda database, platform, key: CrashingDatabase(database, lambda: True, committed=committed)


def in_the_record(*, committed: bool) -> Death:
    """The first one after the platform was called."""
    return lambda database, platform, key: CrashingDatabase(
        database, lambda: any(called == key for _, called in platform.calls), committed=committed
    )


POINTS = [
    Point("before the claim is committed", "absent", "pending", 0, in_the_claim(committed=False)),
    Point("after the claim", "sending", "sending", 0, in_the_claim(committed=True)),
    Point("while the request is written", "sending", "sending", 0, answer=crash),
    Point("after the request is written", "sending", "sending", 1, answer=take_then_crash),
    Point("after the answer, before the record is committed", "sending", "sending", 1, in_the_record(committed=False)),
    Point("after the record is committed", "sent", "sent", 1, in_the_record(committed=True)),
]


def dying(database: Database, death: Death, platform: PlatformDouble, request: DeliveryRequest) -> ChannelDeliveries:
    """The send activity in a process that dies on the way."""
    return sender(death(database, platform, request.idempotency_key), platform)


WAYS = [pytest.param(RUNS, id="the long way, with credits"), pytest.param(None, id="the short way")]


@pytest.mark.parametrize("credits_left", WAYS)
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
async def test_a_death_leaves_the_documented_state_and_the_next_attempt_sends_once(
    database: Database, point: Point, credits_left: int | None
) -> None:
    world = await World.make(database, credits_left=credits_left)
    people = await world.people(RUNS)
    platform = PlatformDouble(usually=point.answer)

    async def die(person: Person) -> None:
        with pytest.raises(Crash):
            await settle(dying(database, point.dies_in, platform, person.message_1()), person.message_1())
        assert await person.status() == point.delivery
        assert (await person.enrollment()).status == point.enrollment
        assert platform.count(person.message_1().idempotency_key) == point.at_the_platform

    await asyncio.gather(*(die(person) for person in people))
    platform.usually = take
    survivor = sender(database, platform)
    receipts = await asyncio.gather(*(settle(survivor, person.message_1()) for person in people))

    assert {receipt.outcome for receipt in receipts} == {ReceiptOutcome.SENT}
    references = platform.references()
    doubles = sum(references.values()) - len(references)
    lost = RUNS - len(references)
    assert (doubles, lost) == (0, 0)
    assert await world.credits_left() == (None if credits_left is None else 0)
    await _everything_is_recorded_once(world, people)


async def _everything_is_recorded_once(world: World, people: list[Person]) -> None:
    """One message and one line `sent` for each delivery, and no line without a delivery."""
    [counts] = await world.run("""
        SELECT (SELECT count(*) FROM deliveries WHERE tenant_id = :tenant AND status = 'sent') AS deliveries,
               (SELECT count(*) FROM messages WHERE tenant_id = :tenant AND delivery_id IS NOT NULL
                   AND provider_message_id IS NOT NULL) AS messages,
               (SELECT count(*) FROM enrollments WHERE tenant_id = :tenant AND status = 'sent'
                   AND reply_deadline IS NOT NULL) AS enrollments,
               (SELECT count(*) FROM action_log WHERE tenant_id = :tenant AND status = 'sent') AS lines
    """)
    assert tuple(counts) == (len(people),) * 4


async def test_two_deaths_in_a_row_are_no_worse_than_one(database: Database) -> None:
    world = await World.make(database)
    people = await world.people(RUNS)
    platform = PlatformDouble()
    first, second = in_the_claim(committed=True), in_the_record(committed=False)

    async def live(person: Person) -> None:
        with pytest.raises(Crash):
            await settle(dying(database, first, platform, person.message_1()), person.message_1())
        with pytest.raises(Crash):
            await settle(dying(database, second, platform, person.message_1()), person.message_1())
        assert (await settle(sender(database, platform), person.message_1())).outcome == ReceiptOutcome.SENT

    await asyncio.gather(*(live(person) for person in people))

    assert sorted(platform.references().values()) == [1] * RUNS


async def test_message_2_survives_the_same_deaths(database: Database) -> None:
    world = await World.make(database)
    people = await world.people(len(POINTS))
    await asyncio.gather(*(settle(sender(database, PlatformDouble()), person.message_1()) for person in people))
    platform = PlatformDouble()

    for person, point in zip(people, POINTS, strict=True):
        await person.writes("Yes")
        platform.answers = [point.answer]
        with pytest.raises(Crash):
            await settle(dying(database, point.dies_in, platform, person.message_2()), person.message_2())
        platform.answers = []
        assert (await settle(sender(database, platform), person.message_2())).outcome == ReceiptOutcome.SENT
        ended = await person.enrollment()
        assert (ended.message_2_status, ended.outcome) == ("sent", "answered")

    assert sorted(platform.references().values()) == [1] * len(people)


def test_no_point_of_a_send_ends_in_a_state_that_only_a_platform_reports() -> None:
    assert {point.delivery for point in POINTS} & (RECEIPTS - {"sent"}) == set()


@pytest.mark.parametrize(
    ("lookup_problems", "errors", "probe"), [([], 0, "wanted"), ([Transient("no connection")], 1, "failed")]
)
async def test_a_death_of_ours_is_no_error_of_the_campaign_but_a_platform_that_does_not_answer_is(
    database: Database, lookup_problems: list[BaseException], errors: int, probe: str
) -> None:
    world = await World.make(database)
    person = await world.person()
    await world.run("UPDATE campaigns SET probe = 'wanted' WHERE id = :campaign")
    platform = PlatformDouble(answers=[crash], lookup_problems=lookup_problems)
    deliveries = sender(database, platform)
    with pytest.raises(Crash):
        await settle(deliveries, person.message_1())
    seen: list[str] = []

    async def looked_up() -> bool:
        with suppress(ApplicationError):
            await attempt(deliveries, person.message_1())
        [campaign] = await world.run("SELECT probe FROM campaigns WHERE id = :campaign")
        seen.append(campaign.probe)
        return await person.status() == "unknown"

    await until(looked_up)
    assert seen[-1] == probe, "whether its probe met an error of the platform"
    await world.run("UPDATE campaigns SET probe = NULL WHERE id = :campaign")

    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.SENT

    assert "unknown" in [status for status, _ in await person.log()]
    delivery = await person.delivery()
    assert delivery is not None
    assert delivery.errors == errors
