"""Keeps this process's calls on one channel apart, also when one of them wakes up late for its slot."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

TOLERANCE_SECONDS = 0.008
"""By so much a call may follow a late one sooner, so that lateness of a few milliseconds does not add up."""


class Spacing:
    """The ledger's slots keep the rate between processes; here a late call pushes the next one on."""

    def __init__(self) -> None:
        self._last_call: dict[UUID, float] = {}
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def turn(self, channel_id: UUID, seconds: float) -> AsyncIterator[Callable[[], None]]:
        """Gives callers their turns, one at a time, each once the channel's last call began `seconds` ago.

        Whoever calls says so with what it is given, leaves the block and calls at once. Whoever must look again first
        does so within its turn: were it sent to the end of the line, of many who had all waited too long none would
        ever call. And whoever may not call after all takes nothing from the next.
        """
        async with self._turns[channel_id]:
            earliest = self._last_call.get(channel_id, 0.0) + seconds - TOLERANCE_SECONDS
            await asyncio.sleep(earliest - time.monotonic())
            yield lambda: self._last_call.update({channel_id: time.monotonic()})
