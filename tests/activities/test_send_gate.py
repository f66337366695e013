"""Before each send, in one place: every reason to hold or refuse is stored with the limit that bound (SPEC DEL-4)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from activities.meter import Meter
from connectors.errors import Rejected, Throttled
from db.engine import Database
from db.optouts import suppress
from domain.deliveries import ReceiptOutcome
from domain.gate import REASON_TEXT, Reason
from tests.ledger_world import World, attempt, sender, settle
from tests.platform_double import PlatformDouble, fail


@dataclass(frozen=True)
class Bar:
    """Something that keeps a message from going out, as SQL on the tenant's rows."""

    reason: Reason
    outcome: ReceiptOutcome
    limit: str
    because: str
    ends: bool = False
    """Whether the hold has an end of its own."""


def _closed_window() -> str:
    """A window that opens in three hours and is shut now."""
    opens = (datetime.now(UTC) + timedelta(hours=3)).strftime("%H:%M")
    shuts = (datetime.now(UTC) + timedelta(hours=4)).strftime("%H:%M")
    return f'{{"start": "{opens}", "end": "{shuts}", "time_zone": "UTC"}}'


HELD, REFUSED = ReceiptOutcome.HELD, ReceiptOutcome.REFUSED
BARS = [
    Bar(
        Reason.OPTED_OUT, REFUSED, "opt-out",
        "INSERT INTO suppressions (id, tenant_id, phone, source) "
        "SELECT gen_random_uuid(), tenant_id, phone, 'import' FROM contacts WHERE tenant_id = :tenant",
    ),
    Bar(Reason.CAMPAIGN_CANCELLED, REFUSED, "campaign state", "UPDATE campaigns SET status = 'cancelled'"),
    Bar(Reason.CAMPAIGN_NOT_RUNNING, REFUSED, "campaign state", "UPDATE campaigns SET status = 'draft'"),
    Bar(Reason.ENROLLMENT_CLOSED, REFUSED, "campaign state", "UPDATE enrollments SET closed_at = now()"),
    Bar(Reason.CAMPAIGN_PAUSED, HELD, "campaign state", "UPDATE campaigns SET status = 'paused'"),
    Bar(Reason.CAMPAIGN_PROBING, HELD, "campaign state", "UPDATE campaigns SET probe = 'somebody else'"),
    Bar(Reason.CHANNEL_PAUSED, HELD, "channel health", "UPDATE channels SET status = 'paused'"),
    Bar(Reason.CREDENTIALS_EXPIRED, HELD, "channel health", "UPDATE channels SET status = 'credentials_expired'"),
    Bar(Reason.CHANNEL_BLOCKED, HELD, "channel health", "UPDATE channels SET status = 'blocked'"),
    Bar(Reason.CREDITS, HELD, "credits", "UPDATE tenants SET credits = 0"),
    Bar(
        Reason.THROTTLED, HELD, "platform throttle",
        "UPDATE channels SET throttled_until = now() + interval '1 minute'", ends=True,
    ),
    Bar(
        Reason.BREAKER_OPEN, HELD, "channel health",
        """UPDATE channels SET breaker = jsonb_build_object('state', 'open', 'open_until', now() + interval '1 min')""",
        ends=True,
    ),
    Bar(Reason.DAILY_QUOTA, HELD, "daily quota of 0", "UPDATE channels SET daily_quota = 0", ends=True),
    Bar(
        Reason.SEND_WINDOW, HELD, "send window", "UPDATE channels SET send_window = CAST(:window AS jsonb)", ends=True,
    ),
    Bar(
        Reason.CAMPAIGN_WINDOW, HELD, "campaign's send window",
        """UPDATE campaigns SET send_window = CAST(:window AS jsonb) || '{"zone": "UTC"}'""", ends=True,
    ),
    Bar(
        Reason.RATE, HELD, "channel rate",
        "UPDATE channels SET next_slot_at = now() + interval '1 minute'", ends=True,
    ),
]  # fmt: skip


@pytest.mark.parametrize("bar", BARS, ids=lambda bar: bar.reason.value)
async def test_every_bar_is_stored_with_its_reason_and_limit_and_nothing_is_called(
    database: Database, bar: Bar
) -> None:
    world = await World.make(database)
    person = await world.person()
    await world.run(bar.because, window=_closed_window())
    platform, counted = PlatformDouble(), CollectorRegistry()

    receipt = await attempt(sender(database, platform, meter=Meter(counted)), person.message_1())

    delivery, enrollment = await person.delivery(), await person.enrollment()
    assert delivery is not None
    assert platform.calls == []
    assert (receipt.outcome, receipt.reason) == (bar.outcome, REASON_TEXT[bar.reason])
    assert (delivery.reason, delivery.limit_name) == (REASON_TEXT[bar.reason], bar.limit)
    assert (delivery.hold_until is not None) == bar.ends
    assert enrollment.held == (bar.outcome == HELD)
    assert await person.log() == [(bar.outcome.value, REASON_TEXT[bar.reason])]
    kind = {"kind": "message_1"}
    assert counted.get_sample_value("relance_deliveries_total", kind | {"outcome": bar.outcome.value}) == 1
    holds = counted.get_sample_value("relance_holds_total", kind | {"reason": bar.reason.value})
    assert holds == (1 if bar.outcome == HELD else None)


def test_every_reason_of_the_gate_that_this_engine_can_meet_is_tried() -> None:
    # AI control has no sender yet: only automatic answers ask it, and those come with triage.
    # The hold of the whole installation binds every tenant of the database: it is tried in a database of its own.
    elsewhere = {Reason.AI_OFF, Reason.INSTALLATION_HELD}
    assert {bar.reason for bar in BARS} == set(Reason) - elsewhere


async def test_the_allowance_with_the_least_left_is_named_on_what_is_sent(database: Database) -> None:
    world = await World.make(database, credits_left=7, daily_quota=3)
    person = await world.person()

    await settle(sender(database, PlatformDouble()), person.message_1())

    delivery = await person.delivery()
    assert delivery is not None
    assert delivery.limit_name == "daily quota: 3 left"


async def test_the_daily_quota_is_never_passed_by_messages_that_come_at_once(database: Database) -> None:
    world = await World.make(database, daily_quota=4)
    people = await world.people(10)
    platform = PlatformDouble()

    receipts = await asyncio.gather(*(settle(sender(database, platform), each.message_1()) for each in people))

    assert sum(receipt.outcome == ReceiptOutcome.SENT for receipt in receipts) == 4
    assert len(platform.calls) == 4
    held = [receipt for receipt in receipts if receipt.outcome == HELD]
    assert {receipt.reason for receipt in held} == {REASON_TEXT[Reason.DAILY_QUOTA]}


async def test_a_message_that_is_tried_again_keeps_its_place_in_the_days_quota(database: Database) -> None:
    world = await World.make(database, daily_quota=1)
    person, behind = await world.people(2)
    platform = PlatformDouble(answers=[fail(Throttled("slow down", retry_after_seconds=1))])
    deliveries = sender(database, platform)

    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.SENT
    assert (await settle(deliveries, behind.message_1())).outcome == HELD


async def test_a_message_put_off_to_the_next_day_counts_in_the_quota_of_that_day(database: Database) -> None:
    world = await World.make(database, daily_quota=1)
    person, behind = await world.people(2)
    platform = PlatformDouble(answers=[fail(Throttled("slow down", retry_after_seconds=30))])
    deliveries = sender(database, platform)
    await settle(deliveries, person.message_1())
    yesterday = "used_on = used_on - 1, hold_until = now()"
    await world.run(f"UPDATE deliveries SET {yesterday} WHERE tenant_id = :tenant")
    await world.run("UPDATE channel_usage SET day = day - 1 WHERE tenant_id = :tenant")
    await world.run("UPDATE channels SET throttled_until = NULL WHERE id = :channel")

    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.SENT
    assert (await settle(deliveries, behind.message_1())).outcome == HELD


async def test_twenty_sends_at_once_on_five_credits_spend_exactly_five(database: Database) -> None:
    world = await World.make(database, credits_left=5)
    people = await world.people(20)
    platform = PlatformDouble()

    receipts = await asyncio.gather(*(settle(sender(database, platform), each.message_1()) for each in people))

    assert len(platform.taken) == 5
    assert await world.credits_left() == 0
    held = [receipt for receipt in receipts if receipt.outcome == HELD]
    assert {receipt.reason for receipt in held} == {REASON_TEXT[Reason.CREDITS]}
    assert len(held) == 15


async def test_credits_stay_exact_with_rejections_in_between(database: Database) -> None:
    """Giving a credit back and taking one lock the same rows; they must neither cross nor lose count."""
    world = await World.make(database, credits_left=30)
    people = await world.people(40)
    platform = PlatformDouble(answers=[fail(Rejected("no")) for _ in range(20)])

    receipts = await asyncio.gather(*(settle(sender(database, platform), each.message_1()) for each in people))

    sent = sum(receipt.outcome == ReceiptOutcome.SENT for receipt in receipts)
    assert len(platform.taken) == sent
    assert await world.credits_left() == 30 - sent


async def test_a_message_that_has_paid_goes_out_though_the_credits_are_used_up_since(database: Database) -> None:
    world = await World.make(database, credits_left=1)
    person = await world.person()
    platform = PlatformDouble(answers=[fail(Throttled("slow down", retry_after_seconds=1))])

    assert (await settle(sender(database, platform), person.message_1())).outcome == ReceiptOutcome.SENT
    assert await world.credits_left() == 0


async def test_the_credit_of_a_message_that_is_refused_after_it_paid_is_given_back(database: Database) -> None:
    world = await World.make(database, credits_left=5)
    by_gate, by_stop = await world.people(2)
    platform = PlatformDouble(usually=fail(Throttled("slow down", retry_after_seconds=30)))
    deliveries = sender(database, platform)
    await settle(deliveries, by_gate.message_1())
    await world.run("UPDATE channels SET throttled_until = NULL WHERE id = :channel")
    await settle(deliveries, by_stop.message_1())
    assert await world.credits_left() == 3

    async with database.tenant(world.tenant_id) as session:
        await suppress(session, world.tenant_id, [by_stop.phone], "api")
    assert await by_stop.status() == "refused"
    assert await world.credits_left() == 4
    await world.run("UPDATE campaigns SET status = 'cancelled' WHERE id = :campaign")
    await settle(deliveries, by_gate.message_1())
    assert await world.credits_left() == 5


async def test_after_a_stop_was_committed_nothing_is_claimed_for_that_person(database: Database) -> None:
    world = await World.make(database)
    people = await world.people(30)
    platform = PlatformDouble()
    deliveries = sender(database, platform)

    async def stop(index: int) -> datetime:
        await people[index].writes("STOP")
        [row] = await world.run("SELECT clock_timestamp() AS at")
        at: datetime = row.at
        return at

    sends = [settle(deliveries, person.message_1()) for person in people]
    both = await asyncio.gather(*(step for pair in zip(sends, map(stop, range(30)), strict=True) for step in pair))
    stopped_at = both[1::2]

    for person, at in zip(people, stopped_at, strict=True):
        delivery = await person.delivery()
        assert isinstance(at, datetime)
        assert delivery is not None
        if platform.count(person.message_1().idempotency_key):
            assert delivery.first_asked_at is not None
            # A slot lies at most the lead ahead of the claim, and the claim was committed before the STOP.
            assert delivery.first_asked_at - timedelta(milliseconds=20) <= at
        else:
            assert delivery.status == "refused"
            assert (await person.enrollment()).status == "suppressed"


async def test_a_stop_survives_a_re_import(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    await person.writes("STOP")
    again = await (await world.another_campaign()).person(contact_id=person.contact_id, phone=person.phone)
    platform = PlatformDouble()

    receipt = await settle(sender(database, platform), again.message_1())

    assert (receipt.outcome, platform.calls) == (REFUSED, [])
