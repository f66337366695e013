"""A process that was held up sends what it had claimed in its turn, or gives it back: it did not call anybody."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.exceptions import ApplicationError

from activities import deliveries
from activities.deliveries import ChannelDeliveries, SendTimes
from activities.ledger import Ledger
from activities.spacing import TOLERANCE_SECONDS
from db.engine import Database
from db.ledger.attempts import Attempt, Claim, Granted, InFlight
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from tests.ledger_world import QUICK, SECRETS, Person, World, attempt, sender, settle
from tests.platform_double import PlatformDouble, take_then_drop

PEOPLE, RATE = 20, 50.0
PATIENT = SendTimes(lease=timedelta(seconds=10), grace=timedelta(seconds=1))


class HeldUp(Ledger):
    """Its claims are told only when all are granted and the last one's slot is past."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._together = asyncio.Barrier(PEOPLE)
        self._last_slot = 0.0

    async def claim(self, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
        """Late."""
        step = await super().claim(request, lease, grace)
        assert isinstance(step, Granted)
        self._last_slot = max(self._last_slot, step.call_at)
        await self._together.wait()
        await asyncio.sleep(self._last_slot - time.monotonic())
        return step


async def test_of_many_that_are_late_together_each_is_sent_in_its_turn(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "LATE_SECONDS", 4 / RATE)  # a fifth of what all of them take
    world = await World.make(database, rate_per_second=RATE)
    people = await world.people(PEOPLE)
    platform = PlatformDouble()
    sending = ChannelDeliveries(HeldUp(database), {"wassenger": platform}, SECRETS, PATIENT)

    receipts = await asyncio.gather(*(attempt(sending, person.message_2()) for person in people))

    assert {receipt.outcome for receipt in receipts} == {ReceiptOutcome.SENT}
    calls = sorted(at for at, _ in platform.calls)
    assert len(calls) == PEOPLE
    assert min(later - earlier for earlier, later in pairwise(calls)) >= 1 / RATE - 2 * TOLERANCE_SECONDS


class Overdue(Ledger):
    """Its first claim is told only when its lease is over."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.claims = 0

    async def claim(self, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
        """Late, but for the first time only."""
        step = await super().claim(request, lease, grace)
        self.claims += 1
        if self.claims == 1:
            await asyncio.sleep(lease.total_seconds() + 0.05)
        return step


async def test_a_claim_that_ran_out_before_its_call_is_renewed_by_its_maker(database: Database) -> None:
    world = await World.make(database)
    person, platform, ledger = await world.person(), PlatformDouble(), Overdue(database)
    sending = ChannelDeliveries(ledger, {"wassenger": platform}, SECRETS, QUICK)

    receipt = await attempt(sending, person.message_1())

    assert receipt.outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1
    assert [status for status, _ in await person.log()] == ["sent"]


async def test_a_claim_that_somebody_looked_up_meanwhile_is_not_renewed(database: Database) -> None:
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble()

    class LookedUp(Overdue):
        async def claim(self, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
            step = await super().claim(request, lease, grace)
            if self.claims == 1:
                with pytest.raises(ApplicationError, match="too early to believe"):
                    await attempt(sender(database, platform), request)
            return step

    sending = ChannelDeliveries(LookedUp(database), {"wassenger": platform}, SECRETS, QUICK)
    with pytest.raises(ApplicationError, match="somebody else goes first"):
        await attempt(sending, person.message_1())

    assert (platform.calls, await person.status()) == ([], "unknown")
    assert (await settle(sending, person.message_1())).outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1


class NeverFresh(Ledger):
    """Every look at the gate takes too long, as often as it is told."""

    def __init__(self, database: Database, times: int) -> None:
        super().__init__(database)
        self.times = times

    async def confirm(self, granted: Granted, request: DeliveryRequest, lease: timedelta) -> Receipt | InFlight | None:
        """Late."""
        changed = await super().confirm(granted, request, lease)
        if self.times > 0:
            self.times -= 1
            await asyncio.sleep(deliveries.LATE_SECONDS * 1.1)
        return changed


async def test_a_process_that_is_held_up_for_too_long_gives_its_claim_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(deliveries, "LATE_SECONDS", 0.2)
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble()
    ledger = NeverFresh(database, times=1 + deliveries.LOOKS)
    sending = ChannelDeliveries(ledger, {"wassenger": platform}, SECRETS, PATIENT)

    with pytest.raises(ApplicationError, match="somebody else goes first"):
        await attempt(sending, person.message_1())
    assert (platform.calls, await person.status()) == ([], "queued")
    assert (await person.enrollment()).status == "pending"

    assert (await settle(sending, person.message_1())).outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1
    assert "unknown" not in [status for status, _ in await person.log()]
    row = await person.delivery()
    assert row is not None
    assert (row.errors, row.attempts, row.counted_attempts) == (0, 2, 1)


class FarAway(Ledger):
    """Its slots begin in a minute."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.claimed = asyncio.Event()

    async def claim(self, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
        """As granted, but for the slot."""
        step = await super().claim(request, lease, grace)
        assert isinstance(step, Granted)
        self.claimed.set()
        return replace(step, call_at=step.call_at + 60)


async def claimed_before_its_slot(ledger: FarAway, person: Person, platform: PlatformDouble) -> "asyncio.Task[Receipt]":
    """A send that has its claim and waits for its slot."""
    sending = ChannelDeliveries(ledger, {"wassenger": platform}, SECRETS, PATIENT)
    waiting = asyncio.create_task(attempt(sending, person.message_1()))
    await ledger.claimed.wait()
    return waiting


async def platform_was_down(world: World) -> None:
    """The channel's breaker is open, and its cool-down over: the next send is the probe."""
    await world.run(
        """UPDATE channels SET breaker = jsonb_build_object('state', 'open', 'consecutive_failures', 5,
           'open_until', now() - interval '1 second') WHERE id = :channel"""
    )


async def test_a_send_that_is_cancelled_before_its_turn_gives_its_claim_back(database: Database) -> None:
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble()
    waiting = await claimed_before_its_slot(FarAway(database), person, platform)
    assert await person.status() == "sending"

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (platform.calls, await person.status()) == ([], "queued")
    assert (await attempt(sender(database, platform), person.message_1())).outcome == ReceiptOutcome.SENT
    assert "unknown" not in [status for status, _ in await person.log()]


async def test_the_probe_of_a_platform_that_was_down_is_given_back_with_its_claim(database: Database) -> None:
    world = await World.make(database)
    person, next_one, platform = await world.person(), await world.person(), PlatformDouble()
    await platform_was_down(world)
    waiting = await claimed_before_its_slot(FarAway(database), person, platform)
    assert (await world.channel()).breaker["state"] == "half_open"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (await attempt(sender(database, platform), next_one.message_1())).outcome == ReceiptOutcome.SENT
    assert (await world.channel()).breaker["state"] == "closed"


class SoonAway(FarAway):
    """Its slots begin soon, but not before what happens in between is known."""

    async def claim(self, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
        """As granted, but for the slot."""
        step = await super().claim(request, lease, grace)
        assert isinstance(step, Granted)
        return replace(step, call_at=step.call_at - 59)


async def test_the_probe_of_a_platform_that_was_down_is_given_back_where_its_message_is_refused(
    database: Database,
) -> None:
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble()
    next_one = await (await world.another_campaign()).person()
    await platform_was_down(world)
    waiting = await claimed_before_its_slot(SoonAway(database), person, platform)
    await world.run("UPDATE campaigns SET status = 'cancelled' WHERE id = :campaign")

    assert (await waiting).outcome == ReceiptOutcome.REFUSED
    assert platform.calls == []
    assert (await attempt(sender(database, platform), next_one.message_1())).outcome == ReceiptOutcome.SENT
    assert (await world.channel()).breaker["state"] == "closed"


@pytest.mark.parametrize("status", ["sent", "unknown"])
async def test_the_probe_is_given_back_where_its_message_was_settled_or_asked_about_meanwhile(
    database: Database, status: str
) -> None:
    world = await World.make(database)
    person, next_one, platform = await world.person(), await world.person(), PlatformDouble()
    await platform_was_down(world)
    waiting = await claimed_before_its_slot(SoonAway(database), person, platform)
    await world.run("UPDATE deliveries SET status = :status, sent_at = now() WHERE tenant_id = :tenant", status=status)

    if status == "sent":
        assert (await waiting).outcome == ReceiptOutcome.SENT
    else:
        with pytest.raises(ApplicationError, match="somebody else goes first"):
            await waiting
    assert platform.calls == []
    assert (await attempt(sender(database, platform), next_one.message_1())).outcome == ReceiptOutcome.SENT


async def test_what_was_called_while_it_was_looked_up_is_not_sent_on_what_the_look_up_said(database: Database) -> None:
    world = await World.make(database)
    person, platform = await world.person(), PlatformDouble(answers=[take_then_drop], visible=False)
    slow = SendTimes(lease=PATIENT.lease, grace=timedelta(seconds=30))
    with pytest.raises(ApplicationError):
        await attempt(sender(database, platform, slow), person.message_1())
    called = await person.delivery()
    assert called is not None

    # Somebody had asked before that call, was told "not there", and comes back with it only now.
    asked_before = Attempt(called.id, called.attempts)
    step = await Ledger(database).grant_again(asked_before, person.message_1(), PATIENT.lease)

    assert isinstance(step, InFlight)
    assert step.seconds > 20
    assert await person.status() == "unknown"
