"""One key, one message: workers at once, lost answers, platforms that can be asked and platforms that cannot."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from connectors.errors import CredentialsExpired, Throttled, Transient
from db.engine import Database
from domain.deliveries import ReceiptOutcome
from tests.ledger_world import QUICK, World, attempt, sender, settle
from tests.platform_double import DeafPlatform, PlatformDouble, drop, slowly, take, take_then_drop


async def test_two_workers_with_the_same_key_at_once_call_once(database: Database) -> None:
    world = await World.make(database)
    people = await world.people(10)
    platform = PlatformDouble(usually=slowly(0.05))
    one, other = sender(database, platform), sender(database, platform)
    requests = [person.message_1() for person in people for _ in range(2)]
    workers = [one, other] * len(people)

    receipts = await asyncio.gather(
        *(settle(worker, request) for worker, request in zip(workers, requests, strict=True))
    )

    assert {receipt.outcome for receipt in receipts} == {ReceiptOutcome.SENT}
    assert len({receipt.delivery_id for receipt in receipts}) == len(people)
    assert sorted(platform.references().values()) == [1] * len(people)
    assert len(platform.calls) == len(people)


async def test_a_key_that_is_sent_is_answered_from_the_ledger(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble()
    first = await settle(sender(database, platform), person.message_1())

    again = await attempt(sender(database, platform), person.message_1())

    assert again == first
    assert len(platform.calls) == 1


async def test_a_message_that_was_taken_before_the_connection_dropped_is_sent_by_look_up(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble(answers=[take_then_drop])

    with pytest.raises(ApplicationError, match="the answer was lost"):
        await attempt(sender(database, platform), person.message_1())
    assert await person.status() == "unknown"
    assert (await person.enrollment()).status == "unknown"
    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1
    assert len(platform.taken) == 1
    assert (await person.enrollment()).status == "sent"
    assert [status for status, _ in await person.log()] == ["unknown", "sent"]
    delivery = await person.delivery()
    assert delivery is not None
    assert delivery.provider_message_id == platform.taken[0].provider_message_id


async def test_a_message_that_is_absent_is_sent_again_only_after_the_grace(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble(answers=[drop])

    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    assert len(platform.taken) == 1
    (first, _), (second, _) = platform.calls
    assert second - first >= QUICK.grace.total_seconds()
    assert len(platform.lookups) >= 1, "nothing is sent again without a look-up"


async def test_a_message_that_the_look_up_shows_late_is_not_sent_again(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble(answers=[take_then_drop], visible=False)
    deliveries = sender(database, platform)
    for _ in range(2):
        with pytest.raises(ApplicationError):
            await attempt(deliveries, person.message_1())

    platform.visible = True
    receipt = await settle(deliveries, person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1


async def test_while_the_look_up_is_unavailable_nothing_is_sent_and_the_state_stays_unknown(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    problems: list[BaseException] = [Transient("down"), Transient("down"), Transient("down")]
    platform = PlatformDouble(answers=[take_then_drop], lookup_problems=problems)
    deliveries = sender(database, platform)
    with pytest.raises(ApplicationError):
        await attempt(deliveries, person.message_1())

    for _ in range(3):
        with pytest.raises(ApplicationError, match="cannot be asked"):
            await attempt(deliveries, person.message_1())
        assert await person.status() == "unknown"
        assert len(platform.calls) == 1

    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1


async def test_a_look_up_that_is_told_to_slow_down_waits_as_long_as_it_was_told(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    throttled = Throttled("slow down", retry_after_seconds=1.0)
    platform = PlatformDouble(answers=[take_then_drop], lookup_problems=[throttled])

    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    (first, _), (second, _) = platform.lookups
    assert second - first >= 1.0


async def test_an_unknown_message_whose_look_up_finds_the_credentials_expired_waits_for_a_person(
    database: Database,
) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble(answers=[take_then_drop], lookup_problems=[CredentialsExpired("key refused")])
    deliveries = sender(database, platform)

    receipt = await settle(deliveries, person.message_1())

    assert receipt.outcome == ReceiptOutcome.UNKNOWN
    assert (await world.channel()).status == "credentials_expired"
    await world.run("UPDATE channels SET status = 'active' WHERE id = :channel")
    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1


async def test_where_nobody_can_be_asked_an_operator_decides(database: Database) -> None:
    world = await World.make(database, unknown_policy="operator")
    person = await world.person()
    platform = DeafPlatform(answers=[take_then_drop])

    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.UNKNOWN
    assert receipt.reason is not None
    assert "operator" in receipt.reason
    assert len(platform.calls) == 1


async def test_where_nobody_can_be_asked_the_policy_may_be_to_take_it_as_sent(database: Database) -> None:
    world = await World.make(database, unknown_policy="mark_sent")
    person = await world.person()
    platform = DeafPlatform(answers=[drop])

    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1
    assert (await world.channel()).breaker["consecutive_failures"] == 1, "nobody answered: that is no proof of health"


async def test_where_nobody_can_be_asked_the_policy_may_be_to_send_again_after_the_grace(database: Database) -> None:
    world = await World.make(database, unknown_policy="resend")
    person = await world.person()
    platform = DeafPlatform(answers=[drop, take])

    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    (first, _), (second, _) = platform.calls
    assert second - first >= QUICK.grace.total_seconds()


async def test_what_a_stopped_process_learns_of_an_attempt_that_is_over_changes_nothing(database: Database) -> None:
    """A worker that slept through its lease wakes up with an error; meanwhile another one has sent the message."""
    world = await World.make(database)
    person = await world.person()
    slept = PlatformDouble(usually=slowly(1.5, drop))
    awake = PlatformDouble()
    sleeper = asyncio.create_task(attempt(sender(database, slept), person.message_1()))
    await asyncio.wait_for(slept.called.wait(), 5)

    receipt = await settle(sender(database, awake), person.message_1())
    with pytest.raises(ApplicationError):
        await sleeper

    assert receipt.outcome == ReceiptOutcome.SENT
    assert await person.status() == "sent"
    assert (await person.enrollment()).status == "sent"
    assert len(awake.taken) == 1


async def test_of_two_that_found_the_message_absent_only_one_sends_it_again(database: Database) -> None:
    """The second look-up was true when it was made, and is not any more once the first has sent again."""
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble(answers=[drop])
    deliveries = sender(database, platform)
    with pytest.raises(ApplicationError):
        await attempt(deliveries, person.message_1())
    await world.run("UPDATE deliveries SET settle_after = now() - interval '1 second' WHERE tenant_id = :tenant")
    platform.answers = [take_then_drop, take_then_drop]
    platform.look_together = asyncio.Barrier(2)
    await asyncio.gather(*(attempt(deliveries, person.message_1()) for _ in range(2)), return_exceptions=True)
    platform.look_together = None
    receipt = await settle(deliveries, person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    assert len(platform.taken) == 1
