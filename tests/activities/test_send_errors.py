"""What each meaning of a platform's error does to the delivery, the enrollment and the channel (SPEC DEL-5, DEL-6)."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from temporalio.exceptions import ApplicationError

from connectors.errors import (
    AccountBlocked,
    ConnectorError,
    CredentialsExpired,
    InvalidBaseUrl,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Transient,
    UnknownConnector,
    UnsupportedOperation,
)
from db.engine import Database
from domain.breaker import FAILURES_TO_OPEN
from domain.deliveries import Receipt, ReceiptOutcome
from domain.statuses import ChannelStatus
from tests.ledger_world import Person, World, attempt, sender, settle, until
from tests.platform_double import PlatformDouble, fail, slowly, take, take_then_drop


@dataclass(frozen=True)
class Meaning:
    """What an error leads to."""

    error: ConnectorError
    delivery: str
    enrollment: str
    channel: str = "active"
    reason: str = ""
    failures: int = 0
    holds_for: tuple[float, float] | None = None


MEANINGS = [
    Meaning(
        Throttled("slow down", retry_after_seconds=30), "held", "pending", reason="slow down", holds_for=(29.0, 33.0)
    ),
    Meaning(Transient("no connection"), "held", "pending", reason="keeps failing", failures=1, holds_for=(0.5, 1.5)),
    Meaning(Rejected("not a number"), "failed", "failed", reason="not a number"),
    Meaning(CredentialsExpired("key refused"), "held", "pending", channel="credentials_expired", reason="reconnect"),
    Meaning(AccountBlocked("no plan"), "held", "pending", channel="blocked", reason="account is blocked"),
    Meaning(OutcomeUnknown("no answer"), "unknown", "unknown", reason="no answer", failures=1),
    Meaning(UnsupportedOperation("wassenger", "send"), "failed", "failed", reason="no operation"),
    Meaning(UnknownConnector("nobody", ("wassenger",)), "failed", "failed", reason="no platform"),
    Meaning(InvalidBaseUrl("not a URL"), "failed", "failed", reason="not a URL"),
]


async def one_attempt(person: Person, platform: PlatformDouble) -> Receipt | None:
    """The receipt of one attempt, None when the activity asks to be tried again."""
    try:
        return await attempt(sender(person.world.database, platform), person.message_1())
    except ApplicationError:
        return None


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: type(meaning.error).__name__)
async def test_each_error_has_its_meaning(database: Database, meaning: Meaning) -> None:
    world = await World.make(database, credits_left=5)
    person = await world.person()
    asked = datetime.now(UTC)

    await one_attempt(person, PlatformDouble(answers=[fail(meaning.error)]))

    delivery, enrollment, channel = await person.delivery(), await person.enrollment(), await world.channel()
    assert delivery is not None
    assert (delivery.status, enrollment.status, channel.status) == (
        meaning.delivery,
        meaning.enrollment,
        meaning.channel,
    )
    assert meaning.reason in (delivery.reason or "")
    assert channel.breaker.get("consecutive_failures", 0) == meaning.failures
    if meaning.holds_for is not None:
        assert delivery.hold_until is not None
        at_least, at_most = (asked + timedelta(seconds=seconds) for seconds in meaning.holds_for)
        assert at_least <= delivery.hold_until <= at_most
    assert (enrollment.closed_at is not None) == (meaning.delivery == "failed")
    assert await world.credits_left() == (5 if meaning.delivery == "failed" else 4)


async def test_work_parked_by_expired_credentials_goes_on_after_the_reconnect(database: Database) -> None:
    world = await World.make(database)
    person, behind = await world.people(2)
    platform = PlatformDouble(answers=[fail(CredentialsExpired("key refused"))])
    deliveries = sender(database, platform)

    parked = [await settle(deliveries, each.message_1()) for each in (person, behind)]
    assert [(receipt.outcome, receipt.hold_until) for receipt in parked] == [(ReceiptOutcome.HELD, None)] * 2
    assert len(platform.calls) == 1, "nobody calls on a channel whose credentials are refused"
    await world.run("UPDATE channels SET status = 'active', status_reason = NULL WHERE id = :channel")

    for each in (person, behind):
        assert (await settle(deliveries, each.message_1())).outcome == ReceiptOutcome.SENT


async def test_credentials_that_no_key_in_force_opens_park_the_channel_instead_of_failing_for_ever(
    database: Database,
) -> None:
    world = await World.make(database)
    person = await world.person()
    platform = PlatformDouble()
    await world.run("UPDATE channels SET credentials = :sealed WHERE id = :channel", sealed=b"sealed with a lost key")

    receipt = await settle(sender(database, platform), person.message_1())

    assert (receipt.outcome, receipt.hold_until) == (ReceiptOutcome.HELD, None)
    channel = await world.channel()
    assert channel.status == ChannelStatus.CREDENTIALS_EXPIRED
    assert "RELANCE_SECRET_KEYS" in (channel.status_reason or "")
    assert platform.calls == []


async def test_nobody_calls_before_the_time_that_a_throttle_names(database: Database) -> None:
    world = await World.make(database, rate_per_second=20.0)
    people = await world.people(8)
    throttle = fail(Throttled("slow down", retry_after_seconds=1.0))
    platform = PlatformDouble(answers=[take, throttle])

    receipts = await asyncio.gather(*(settle(sender(database, platform), each.message_1()) for each in people))

    assert {receipt.outcome for receipt in receipts} == {ReceiptOutcome.SENT}
    assert set(platform.references().values()) == {1}
    throttled_at = platform.calls[1][0]
    later = [at for at, _ in platform.calls[2:]]
    # The answer itself may overlap with the one call whose slot had come already.
    assert [at - throttled_at for at in later if at - throttled_at < 1.0 and at - throttled_at > 0.1] == []


async def test_to_be_told_to_slow_down_says_nothing_against_a_message(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()

    for _ in range(3):
        await one_attempt(person, PlatformDouble(usually=fail(Throttled("slow down", retry_after_seconds=30))))
        await world.run("UPDATE channels SET throttled_until = NULL WHERE id = :channel")
        await world.run("UPDATE deliveries SET hold_until = NULL WHERE tenant_id = :tenant")

    delivery = await person.delivery()
    assert delivery is not None
    assert (delivery.attempts, delivery.counted_attempts) == (3, 0)


async def test_a_throttled_probe_of_a_failing_platform_leaves_the_messages_attempts_as_they_were(
    database: Database,
) -> None:
    world = await World.make(database)
    person = await world.person()
    await one_attempt(person, PlatformDouble(answers=[take_then_drop], visible=False))
    await world.run("UPDATE deliveries SET settle_after = now() WHERE tenant_id = :tenant")
    await world.run(
        """UPDATE channels SET breaker = jsonb_build_object('state', 'open', 'consecutive_failures', 5,
           'open_until', now() - interval '1 second') WHERE id = :channel"""
    )

    await one_attempt(person, PlatformDouble(answers=[fail(Throttled("slow down", retry_after_seconds=30))]))

    delivery = await person.delivery()
    assert delivery is not None
    assert (delivery.status, delivery.attempts, delivery.counted_attempts) == ("held", 2, 1)


async def test_one_worker_never_calls_sooner_than_the_channels_interval(database: Database) -> None:
    rate = 20.0
    world = await World.make(database, rate_per_second=rate)
    people = await world.people(15)
    platform = PlatformDouble()
    worker = sender(database, platform)

    await asyncio.gather(*(settle(worker, each.message_1()) for each in people))

    times = [at for at, _ in platform.calls]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == len(people)
    assert min(gaps) >= 1 / rate - 0.010, sorted(gaps)[:3]


async def test_several_workers_together_never_call_before_a_slot_of_the_channel(database: Database) -> None:
    rate = 20.0
    world = await World.make(database, rate_per_second=rate)
    people = await world.people(15)
    platform = PlatformDouble()
    workers = [sender(database, platform) for _ in range(3)]
    started = time.monotonic()

    await asyncio.gather(*(settle(workers[index % 3], each.message_1()) for index, each in enumerate(people)))

    # A worker that wakes up late for its slot may come close to the next one; no slot is ever used before its time.
    ahead = [index / rate - (at - started) for index, (at, _) in enumerate(platform.calls)]
    assert len(ahead) == len(people)
    assert max(ahead) <= 0


async def test_a_pause_that_comes_while_a_claim_waits_for_its_slot_holds_the_message(database: Database) -> None:
    world = await World.make(database, rate_per_second=1.0)
    await world.run("UPDATE channels SET next_slot_at = clock_timestamp() + interval '0.6 seconds' WHERE id = :channel")
    person = await world.person()
    platform = PlatformDouble()
    sending = asyncio.create_task(attempt(sender(database, platform), person.message_1()))

    async def claimed() -> bool:
        return await person.status() == "sending"

    await until(claimed)

    await world.run("UPDATE campaigns SET status = 'paused' WHERE id = :campaign")
    receipt = await sending

    assert (receipt.outcome, platform.calls) == (ReceiptOutcome.HELD, [])
    assert (await person.enrollment()).status == "pending"


async def test_the_breaker_opens_within_ten_failures_lets_one_probe_through_and_closes(database: Database) -> None:
    world = await World.make(database)
    people = await world.people(30)
    platform = PlatformDouble(usually=fail(Transient("no connection")))
    deliveries = sender(database, platform)

    for person in people[:15]:
        await world.run("UPDATE channels SET next_slot_at = NULL WHERE id = :channel")  # the breath is not waited for
        await one_attempt(person, platform)
    failures = len(platform.calls)
    assert 5 <= failures <= 10
    assert (await world.channel()).breaker["state"] == "open"
    held = await people[0].delivery()
    assert held is not None
    assert held.status == "held"

    await world.run(
        "UPDATE channels SET breaker = jsonb_set(breaker, '{open_until}', to_jsonb(now() - interval '1 second')) "
        "WHERE id = :channel"
    )
    platform.usually = slowly(0.3)
    fresh = people[15:25]
    outcomes = await asyncio.gather(*(one_attempt(person, platform) for person in fresh))
    assert len(platform.calls) == failures + 1, "one probe, while all others wait"
    assert sum(receipt is not None and receipt.outcome == ReceiptOutcome.SENT for receipt in outcomes) == 1
    assert (await world.channel()).breaker["state"] == "closed"

    platform.usually = take
    await world.run("UPDATE deliveries SET hold_until = NULL WHERE tenant_id = :tenant")
    receipts = await asyncio.gather(*(settle(deliveries, person.message_1()) for person in people))
    assert {receipt.outcome for receipt in receipts} == {ReceiptOutcome.SENT}
    assert set(platform.references().values()) == {1}


async def test_look_ups_that_are_not_answered_open_the_breaker_like_sends(database: Database) -> None:
    world = await World.make(database)
    asked, behind = await world.people(2)
    down: list[BaseException] = [Transient("no connection")] * FAILURES_TO_OPEN
    platform = PlatformDouble(answers=[fail(OutcomeUnknown("no answer"))], lookup_problems=down)

    for _ in range(FAILURES_TO_OPEN - 1):
        await one_attempt(asked, platform)
    assert (await world.channel()).breaker["state"] == "closed"
    await one_attempt(asked, platform)

    assert (await world.channel()).breaker["state"] == "open"
    assert len(platform.calls) + len(platform.lookups) == FAILURES_TO_OPEN
    await one_attempt(behind, platform)
    assert await behind.status() == "held"
    assert len(platform.calls) == 1


@pytest.mark.parametrize(("in_a_row", "goes_on"), [(1, True), (2, False)])
async def test_a_claim_that_waits_for_its_slot_is_held_when_failures_in_a_row_become_known(
    database: Database, in_a_row: int, goes_on: bool
) -> None:
    world = await World.make(database, rate_per_second=1.0)
    await world.run("UPDATE channels SET next_slot_at = clock_timestamp() + interval '0.6 seconds' WHERE id = :channel")
    person = await world.person()
    platform = PlatformDouble()
    sending = asyncio.create_task(one_attempt(person, platform))

    async def claimed() -> bool:
        return await person.status() == "sending"

    await until(claimed)
    known = f'{{"state": "closed", "consecutive_failures": {in_a_row}}}'
    await world.run("UPDATE channels SET breaker = CAST(:known AS jsonb) WHERE id = :channel", known=known)
    await sending

    assert (len(platform.calls) == 1) is goes_on
    assert await person.status() == ("sent" if goes_on else "held")


@pytest.mark.alone  # how many calls go out until the failures are on record is a matter of time
async def test_a_fast_channel_whose_platform_takes_its_time_to_fail_makes_few_calls(database: Database) -> None:
    world = await World.make(database, rate_per_second=20)
    platform = PlatformDouble(usually=slowly(0.35, then=fail(Transient("no connection"))))
    deliveries = sender(database, platform)
    under_way = [asyncio.ensure_future(settle(deliveries, one.message_2())) for one in await world.people(30)]

    async def opened() -> bool:
        return (await world.channel()).breaker.get("state") == "open"

    await until(opened)
    calls = len(platform.calls)
    for one in under_way:
        one.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    assert calls <= 10  # seven in those 0.35 s at 20/s; the four that open it would let as many more go out


async def test_a_message_that_the_platform_fails_on_every_time_is_given_up(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    await world.run("UPDATE channels SET breaker = '{}' WHERE id = :channel")
    platform = PlatformDouble(usually=fail(OutcomeUnknown("no answer")))
    deliveries = sender(database, platform)

    for _ in range(40):
        if await one_attempt(person, platform) is not None:
            break
        await world.run(
            "UPDATE deliveries SET settle_after = now() - interval '1 second', hold_until = NULL "
            "WHERE tenant_id = :tenant AND status IN ('unknown', 'held')"
        )
        await world.run("UPDATE channels SET breaker = '{}' WHERE id = :channel")

    assert await person.status() == "failed"
    assert len(platform.calls) == 8
    assert (await settle(deliveries, person.message_1())).outcome == ReceiptOutcome.FAILED
