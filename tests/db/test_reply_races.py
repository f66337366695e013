"""A reply against the end of its enrollment: before Message 1 is recorded, while it closes, after it closed (F06)."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.exceptions import ApplicationError

from connectors.errors import Rejected, Throttled
from db.closing import TextWaits, close_enrollment
from db.engine import Database
from db.inbound import mark_processed, process_event, store_event
from domain.deliveries import ReceiptOutcome
from domain.inbound import IncomingEvent, TextFact
from domain.signals import Signal, SignalName
from domain.statuses import Outcome
from tests.ledger_world import Person, World, attempt, sender, settle
from tests.platform_double import Answer, Crash, PlatformDouble, fail, take_then_crash, take_then_drop

RACES = 100


async def close(person: Person, outcome: Outcome = Outcome.NO_REPLY) -> tuple[bool, UUID | None]:
    """Ends the enrollment as its workflow would."""
    world = person.world
    async with world.database.tenant(world.tenant_id) as session:
        return await close_enrollment(session, world.tenant_id, world.campaign_id, person.contact_id, outcome)


async def interactions(person: Person) -> list[tuple[bool, str | None]]:
    """Whether each text counted, and why not."""
    rows = await person.world.run(
        "SELECT counted, reason FROM interactions WHERE tenant_id = :tenant AND campaign_id = :campaign "
        "AND contact_id = :contact ORDER BY received_at",
        contact=person.contact_id,
    )
    return [(row.counted, row.reason) for row in rows]


async def texts(person: Person) -> int:
    """How many texts of this person are on record."""
    [row] = await person.world.run(
        "SELECT count(*) FROM messages WHERE tenant_id = :tenant AND contact_id = :contact AND direction = 'in'",
        contact=person.contact_id,
    )
    return int(row.count)


def replies(signals: list[Signal]) -> list[Signal]:
    """The signals that open Message 2."""
    return [signal for signal in signals if signal.name == SignalName.REPLY_RECEIVED]


async def with_message_1(world: World) -> Person:
    """Somebody who has had Message 1."""
    person = await world.person()
    await settle(sender(world.database, PlatformDouble()), person.message_1())
    return person


@pytest.mark.parametrize("answer", [take_then_drop, take_then_crash])
async def test_a_reply_before_message_1_is_recorded_counts(database: Database, answer: Answer) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble(answers=[answer])
    deliveries = sender(database, platform)
    with pytest.raises((ApplicationError, Crash)):
        await attempt(deliveries, person.message_1())

    signals = await person.writes("Yes")
    receipt = await settle(deliveries, person.message_1())

    assert len(replies(signals)) == 1
    assert receipt.outcome == ReceiptOutcome.SENT
    assert await interactions(person) == [(True, None)]
    [(_, told)] = [(signal.name, signal.reply) for signal in signals]
    assert told is not None
    assert await close(person) == (False, told.interaction_id)


async def test_a_reply_before_a_message_1_that_then_fails_is_recorded_and_does_not_count(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()

    platform = PlatformDouble(answers=[fail(Rejected("no such number"))])
    platform.before_answer = lambda: person.writes("Hello?")
    receipt = await settle(sender(database, platform), person.message_1())

    assert receipt.outcome == ReceiptOutcome.FAILED
    assert await interactions(person) == [(False, "Message 1 is failed")]
    assert (await person.enrollment()).replied_at is None


async def test_while_it_closes_exactly_one_wins_and_every_reply_is_recorded(database: Database) -> None:
    world = await World.make(database)
    people = await asyncio.gather(*(with_message_1(world) for _ in range(RACES)))

    async def race(person: Person) -> tuple[bool, int]:
        closing, writing = close(person), person.writes("Yes")
        (closed, interaction_id), signals = await asyncio.gather(closing, writing)
        ended = await person.enrollment()
        assert closed == (ended.closed_at is not None)
        assert closed == (interaction_id is None)
        assert closed == (ended.replied_at is None)
        assert await texts(person) == 1
        expected = (False, "the campaign had ended for this contact") if closed else (True, None)
        assert await interactions(person) == [expected]
        return closed, len(replies(signals))

    winners = await asyncio.gather(*(race(person) for person in people))

    assert all(closed != (signalled == 1) for closed, signalled in winners)


async def test_after_it_closed_a_reply_is_recorded_and_starts_nothing(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    assert await close(person) == (True, None)

    assert await person.writes("Sorry, I was away") == []

    assert await interactions(person) == [(False, "the campaign had ended for this contact")]
    receipt = await settle(sender(database, PlatformDouble()), person.message_2())
    assert receipt.outcome == ReceiptOutcome.REFUSED


async def test_closing_is_repeatable(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)

    assert await close(person) == (True, None)
    ended = await person.enrollment()
    assert await close(person, Outcome.CANCELLED) == (True, None)

    assert (await person.enrollment()).outcome == ended.outcome == "no_reply"


async def test_a_reply_that_was_recorded_but_not_signalled_is_found_at_the_end(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    [lost] = await person.writes("Yes")

    assert lost.reply is not None
    assert await close(person) == (False, lost.reply.interaction_id)
    assert (await person.enrollment()).closed_at is None


async def test_the_end_waits_for_a_text_that_is_stored_and_not_yet_processed(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    bystander = await with_message_1(world)
    fact = TextFact(provider_message_id=uuid4().hex, phone=person.phone, text="Yes")
    event = IncomingEvent(
        channel_id=world.channel_id, dedupe_key=uuid4().hex, event_name="message:in:new", raw=b"{}", facts=[fact]
    )
    async with database.tenant(world.tenant_id) as session:
        event_id = await store_event(session, world.tenant_id, event)
    assert event_id is not None

    assert await close(bystander) == (True, None)
    with pytest.raises(TextWaits):
        await close(person)
    async with database.tenant(world.tenant_id) as session:
        [told] = await process_event(session, world.tenant_id, event_id)
        await mark_processed(session, event_id)

    assert told.reply is not None
    assert await close(person) == (False, told.reply.interaction_id)


async def test_the_same_webhook_five_times_at_once_is_one_reply_told_each_time(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    message_id = uuid4().hex

    told = await asyncio.gather(*(person.writes("Yes", message_id) for _ in range(5)))

    assert [len(replies(signals)) for signals in told] == [1] * 5
    assert len({signal.reply.interaction_id for signals in told for signal in signals if signal.reply}) == 1
    assert await interactions(person) == [(True, None)]
    assert await texts(person) == 1


async def test_three_texts_at_once_are_one_reply_and_two_repeats(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)

    await asyncio.gather(*(person.writes(f"Yes {number}") for number in range(3)))

    counted = sorted(counts for counts, _ in await interactions(person))
    assert counted == [False, False, True]
    assert await texts(person) == 3


async def test_a_reply_answers_the_campaign_whose_message_1_is_out_before_one_still_in_flight(
    database: Database,
) -> None:
    world = await World.make(database)
    other = await world.another_campaign()
    person = await with_message_1(world)
    in_other = await other.person(contact_id=person.contact_id, phone=person.phone)
    with pytest.raises(Crash):
        await attempt(sender(database, PlatformDouble(answers=[take_then_crash])), in_other.message_1())

    [signal] = await person.writes("Yes")

    assert str(world.campaign_id) in signal.workflow_id
    assert await interactions(in_other) == []


async def test_a_reply_answers_the_latest_message_1_that_has_no_message_2(database: Database) -> None:
    world = await World.make(database)
    newer = await world.another_campaign()
    person = await with_message_1(world)
    in_newer = await newer.person(contact_id=person.contact_id, phone=person.phone)
    await settle(sender(database, PlatformDouble()), in_newer.message_1())

    [first] = await person.writes("Yes")
    [second] = await person.writes("Yes to that as well")

    assert str(newer.campaign_id) in first.workflow_id
    assert str(world.campaign_id) in second.workflow_id


async def test_a_stop_in_the_middle_of_a_send_ends_the_enrollment_and_what_is_held_of_it(database: Database) -> None:
    world = await World.make(database, credits_left=1)
    person = await world.person()
    platform = PlatformDouble(answers=[fail(Throttled("slow down", retry_after_seconds=30))])
    platform.before_answer = lambda: person.writes("STOP")
    receipt = await settle(sender(database, platform), person.message_1())
    assert receipt.outcome == ReceiptOutcome.HELD

    await close(person, Outcome.OPTED_OUT)

    ended = await person.enrollment()
    assert (ended.status, ended.outcome) == ("suppressed", "opted_out")
    assert await person.status() == "refused"
    assert await world.credits_left() == 1


async def test_a_message_2_held_when_its_enrollment_is_cancelled_is_refused(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    await person.writes("Yes")
    await world.run("UPDATE channels SET status = 'paused' WHERE id = :channel")
    await settle(sender(database, PlatformDouble()), person.message_2())
    assert (await person.enrollment()).message_2_status == "pending"

    await close(person, Outcome.CANCELLED)

    assert (await person.enrollment()).message_2_status == "cancelled"
    assert await person.status(person.message_2()) == "refused"


async def test_the_window_is_over_one_instant_after_its_deadline(database: Database) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    await world.run("UPDATE enrollments SET reply_deadline = clock_timestamp() WHERE tenant_id = :tenant")
    await asyncio.sleep(timedelta(milliseconds=5).total_seconds())

    assert await person.writes("Too late?") == []
    assert await interactions(person) == [(False, "after the reply window")]
