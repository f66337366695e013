"""Receipts come in any order, doubled, and before the answer to the send itself: the end is always the same (DEL-7)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError

from connectors.shapes import OutboundMessage, SentMessage
from db import running
from db.closing import close_enrollment
from db.engine import Database
from db.ledger.resolve import order_resend
from db.receipts import apply_receipt
from domain.deliveries import ReceiptOutcome
from domain.inbound import ReceiptFact
from domain.signals import Signal, SignalName
from domain.statuses import Outcome
from tests.ledger_world import Person, World, attempt, sender, settle
from tests.platform_double import PlatformDouble, take, take_then_drop

RECEIPTS = ("sent", "delivered", "read", "failed")
ANSWER = "the answer to the send"


async def receive(person: Person, status: str, **named: str | None) -> list[Signal] | None:
    """The platform tells how far this person's Message 1 came."""
    by = named or {"reference": person.message_1().idempotency_key}
    fact = ReceiptFact.model_validate(
        {"status": status, "reason": "no such device" if status == "failed" else None, **by}
    )
    world = person.world
    async with world.database.tenant(world.tenant_id) as session:
        return await apply_receipt(session, world.tenant_id, world.channel_id, fact, datetime.now(UTC))


async def message_status(person: Person) -> str:
    """The status of the message as the thread shows it."""
    [row] = await person.world.run(
        "SELECT status FROM messages WHERE tenant_id = :tenant AND contact_id = :contact AND direction = 'out'",
        contact=person.contact_id,
    )
    return str(row.status)


@dataclass(frozen=True)
class End:
    """Where a contact stands once all is told: now, and when its window is over."""

    message: str
    enrollment: str
    outcome: str | None
    is_closed: bool
    is_error: bool
    outcome_at_last: str | None


async def where_it_ends(world: World, events: list[str]) -> End:
    """Lives through these events."""
    person = await world.person()
    platform = PlatformDouble(answers=[take_then_drop])
    deliveries = sender(world.database, platform)
    await world.run("UPDATE channels SET breaker = '{}', next_slot_at = NULL WHERE id = :channel")
    with pytest.raises(ApplicationError):
        await attempt(deliveries, person.message_1())
    assert len(platform.taken) == 1
    for event in events:
        if event == ANSWER:
            await settle(deliveries, person.message_1())
        else:
            await receive(person, event)
    assert len(platform.taken) == 1
    now, delivery = await person.enrollment(), await person.delivery()
    assert delivery is not None
    await close(person)
    return End(
        message=await message_status(person),
        enrollment=now.status,
        outcome=now.outcome,
        is_closed=now.closed_at is not None,
        is_error=delivery.failure_told_at is not None,
        outcome_at_last=(await person.enrollment()).outcome,
    )


async def close(person: Person, outcome: Outcome = Outcome.NO_REPLY) -> tuple[bool, UUID | None]:
    """The reply window is over; or the run was stopped."""
    world = person.world
    async with world.database.tenant(world.tenant_id) as session:
        return await close_enrollment(session, world.tenant_id, world.campaign_id, person.contact_id, outcome)


async def test_shuffled_and_doubled_receipts_end_in_the_same_state(database: Database) -> None:
    world = await World.make(database)
    loop = asyncio.get_running_loop()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sets(st.sampled_from(RECEIPTS)), st.data())
    def same_end(receipts: set[str], data: st.DataObject) -> None:
        events = [ANSWER, *sorted(receipts)]
        doubled = events + data.draw(st.lists(st.sampled_from(events), max_size=4))
        shuffled = data.draw(st.permutations(doubled))
        ends = (where_it_ends(world, order) for order in (events, list(shuffled)))
        plain, mixed = (asyncio.run_coroutine_threadsafe(end, loop).result(30) for end in ends)
        assert mixed == plain

    await asyncio.to_thread(same_end)


@pytest.mark.parametrize("order", list(permutations(["failed", "delivered"])))
async def test_a_failure_and_an_arrival_leave_an_open_enrollment_in_either_order(
    database: Database, order: tuple[str, ...]
) -> None:
    end = await where_it_ends(await World.make(database), [ANSWER, *order])

    assert end == End("delivered", "delivered", None, is_closed=False, is_error=False, outcome_at_last="no_reply")


@pytest.mark.parametrize("receipt", ["sent", "delivered", "read"])
async def test_a_receipt_that_overtakes_the_answer_settles_the_message_and_keeps_the_platforms_id(
    database: Database, receipt: str
) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble()

    async def told_first(double: PlatformDouble, message: OutboundMessage) -> SentMessage:
        answer = await take(double, message)
        await receive(person, receipt)
        return answer

    platform.answers = [told_first]
    await settle(sender(database, platform), person.message_1())

    delivery = await person.delivery()
    assert delivery is not None
    [row] = await world.run("SELECT provider_message_id FROM messages WHERE tenant_id = :tenant")
    assert delivery.status == "sent"
    assert row.provider_message_id == delivery.provider_message_id == platform.taken[0].provider_message_id
    assert (await person.enrollment()).status == receipt
    assert [status for status, _ in await person.log()].count("sent") == 1


async def unknown_then_absent(person: Person, platform: PlatformDouble) -> None:
    """The platform took Message 1, the answer was lost, and a look-up of now does not show it yet."""
    platform.answers, platform.visible = [take_then_drop], False
    with pytest.raises(ApplicationError):
        await attempt(sender(person.world.database, platform), person.message_1())
    await person.world.run("UPDATE deliveries SET settle_after = now() - interval '1 s' WHERE tenant_id = :tenant")


@pytest.mark.parametrize("receipt", RECEIPTS)
async def test_a_receipt_of_a_held_message_that_was_thought_absent_keeps_it_from_going_out_twice(
    database: Database, receipt: str
) -> None:
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble()
    await unknown_then_absent(person, platform)
    await world.run("UPDATE campaigns SET status = 'paused' WHERE id = :campaign")
    deliveries = sender(database, platform)
    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.HELD

    signals = await receive(person, receipt)

    assert signals is not None
    assert signals[0].name == SignalName.RELEASE
    await world.run("UPDATE campaigns SET status = 'running' WHERE id = :campaign")
    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.SENT
    assert platform.count(person.message_1().idempotency_key) == 1
    assert (await person.enrollment()).status == receipt


async def test_a_receipt_that_comes_after_an_order_to_send_again_makes_the_order_void(database: Database) -> None:
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble()
    await unknown_then_absent(person, platform)
    delivery = await person.delivery()
    assert delivery is not None
    async with database.tenant(world.tenant_id) as session:
        await order_resend(session, world.tenant_id, delivery.id, datetime.now(UTC))

    await receive(person, "delivered")

    assert (await settle(sender(database, platform), person.message_1())).outcome == ReceiptOutcome.SENT
    assert platform.count(person.message_1().idempotency_key) == 1


async def test_a_receipt_of_nobodys_message_is_kept_for_later(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()

    assert await receive(person, "delivered", provider_message_id=uuid4().hex) is None
    assert await receive(person, "delivered", reference="somebody else's") is None


async def with_message_1(world: World) -> Person:
    """Somebody to whom the platform took Message 1."""
    person = await world.person()
    await settle(sender(world.database, PlatformDouble()), person.message_1())
    return person


async def test_a_failure_after_the_message_was_sent_shows_at_once_and_is_how_the_window_ends(
    database: Database,
) -> None:
    person = await with_message_1(await World.make(database))

    assert await receive(person, "failed") == []

    waits = await person.enrollment()
    assert (waits.status, waits.reason, waits.closed_at) == ("failed", "no such device", None)
    assert await close(person) == (True, None)
    ended = await person.enrollment()
    assert (ended.status, ended.outcome, ended.reason) == ("failed", "failed", "no such device")


async def test_a_reply_after_a_failure_that_was_taken_back_is_answered(database: Database) -> None:
    person = await with_message_1(await World.make(database))
    await receive(person, "failed")
    await receive(person, "delivered")

    assert [signal.name for signal in await person.writes("Yes")] == [SignalName.REPLY_RECEIVED]

    answer = await settle(sender(database, PlatformDouble()), person.message_2())
    assert answer.outcome == ReceiptOutcome.SENT
    ended = await person.enrollment()
    assert (ended.status, ended.outcome) == ("delivered", "answered")


async def test_a_reply_before_the_failure_is_taken_back_counts_as_soon_as_it_is(database: Database) -> None:
    person = await with_message_1(await World.make(database))
    await receive(person, "failed")
    assert await person.writes("Yes") == []
    assert await person.writes("Yes, please") == []

    [signal] = await receive(person, "read") or []

    assert signal.name == SignalName.REPLY_RECEIVED
    assert await close(person) == (False, signal.reply.interaction_id if signal.reply else None)
    texts = await person.world.run(
        "SELECT counted, reason FROM interactions WHERE tenant_id = :tenant ORDER BY received_at"
    )
    assert [tuple(row) for row in texts] == [(True, None), (False, "Message 1 is failed")]
    assert await receive(person, "read") == []


async def test_what_a_failed_message_got_for_an_answer_after_the_window_stays_uncounted(database: Database) -> None:
    person = await with_message_1(await World.make(database))
    await receive(person, "failed")
    await person.world.run("UPDATE enrollments SET reply_deadline = now() WHERE tenant_id = :tenant")
    await person.writes("Am I late?")

    assert await receive(person, "read") == []

    assert (await person.enrollment()).replied_at is None


async def test_a_failed_message_whose_window_runs_is_retried_and_the_old_run_leaves_the_retry_alone(
    database: Database,
) -> None:
    world = await World.make(database)
    person = await with_message_1(world)
    await receive(person, "failed")

    async with database.tenant(world.tenant_id) as session:
        assert await running.requeue_failed(session, world.tenant_id, world.campaign_id) == 1
    for end in (Outcome.NO_REPLY, Outcome.FAILED):
        assert await close(person, end) == (True, None)

    async with database.tenant(world.tenant_id) as session:
        [turn] = await running.next_to_launch(session, world.tenant_id, world.campaign_id, 2)
    assert (turn.contact_id, turn.generation) == (person.contact_id, 1)
    assert (await person.enrollment()).closed_at is None
    retry = await settle(sender(database, PlatformDouble()), person.message_1(generation=1))
    assert retry.outcome == ReceiptOutcome.SENT


async def test_late_news_of_a_message_that_was_retried_does_not_touch_the_retry(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    deliveries = sender(database, PlatformDouble())
    await settle(deliveries, person.message_1())
    await receive(person, "failed")
    await world.run(
        "UPDATE enrollments SET status = 'pending', generation = 1, closed_at = NULL, outcome = NULL, reason = NULL "
        "WHERE tenant_id = :tenant"
    )
    await settle(deliveries, person.message_1(generation=1))

    for late in ("failed", "delivered", "read", "failed"):
        assert await receive(person, late) == []

    enrollment = await person.enrollment()
    assert (enrollment.status, enrollment.closed_at) == ("sent", None)


async def test_a_platforms_clock_that_is_wrong_does_not_move_the_reply_window(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    with pytest.raises(ApplicationError):
        await attempt(sender(database, PlatformDouble(answers=[take_then_drop])), person.message_1())
    before = datetime.now(UTC)
    fact = ReceiptFact(
        reference=person.message_1().idempotency_key, status="delivered", occurred_at=datetime(2020, 1, 1, tzinfo=UTC)
    )

    async with database.tenant(world.tenant_id) as session:
        await apply_receipt(session, world.tenant_id, world.channel_id, fact, datetime.now(UTC))

    enrollment = await person.enrollment()
    assert enrollment.reply_deadline is not None
    assert 3590 < (enrollment.reply_deadline - before).total_seconds() < 3610


async def test_every_delivery_has_its_line_and_no_line_is_without_a_delivery(database: Database) -> None:
    world = await World.make(database, credits_left=4)
    people = await world.people(8)
    platform = PlatformDouble(answers=[take, take_then_drop])
    deliveries = sender(database, platform)
    await people[7].writes("STOP")

    await asyncio.gather(*(settle(deliveries, person.message_1()) for person in people))

    lines = await world.run("""
        SELECT d.id, d.status,
               d.contact_id = l.contact_id AND d.kind = l.action AND d.campaign_id = l.campaign_id AS same,
               l.status AS last, l.executed_at
        FROM deliveries d LEFT JOIN LATERAL (
            SELECT * FROM action_log l WHERE l.tenant_id = d.tenant_id AND l.delivery_id = d.id ORDER BY id DESC LIMIT 1
        ) l ON true WHERE d.tenant_id = :tenant
    """)
    assert len(lines) == len(people)
    assert {(line.status == line.last, line.same, line.executed_at is not None) for line in lines} == {
        (True, True, True)
    }
    [orphans] = await world.run(
        "SELECT count(*) FROM action_log l LEFT JOIN deliveries d ON d.id = l.delivery_id "
        "WHERE l.tenant_id = :tenant AND d.id IS NULL"
    )
    assert orphans.count == 0
