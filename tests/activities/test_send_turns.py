"""A process that was held up sends what it had claimed at the channel's rate, however much has come together."""

import asyncio
import time
from datetime import timedelta
from itertools import pairwise

import pytest

from activities import deliveries
from activities.deliveries import ChannelDeliveries, SendTimes
from activities.ledger import Ledger
from activities.spacing import TOLERANCE_SECONDS
from db.engine import Database
from db.ledger.attempts import Claim, Granted
from domain.deliveries import DeliveryRequest, ReceiptOutcome
from tests.ledger_world import SECRETS, World, attempt
from tests.platform_double import PlatformDouble

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
