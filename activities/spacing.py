"""Keeps this process's calls on one channel apart, also when one of them wakes up late for its slot."""

import asyncio
import time
from collections import defaultdict
from uuid import UUID

TOLERANCE_SECONDS = 0.008
"""By so much a call may follow a late one sooner, so that lateness of a few milliseconds does not add up."""


class Spacing:
    """The ledger's slots keep the rate between processes; here a late call pushes the next one on."""

    def __init__(self) -> None:
        self._last_call: dict[UUID, float] = {}
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def keep(self, channel_id: UUID, seconds: float) -> None:
        """Returns, one caller at a time, once the channel's last call began `seconds` ago; the caller calls at once."""
        async with self._turns[channel_id]:
            earliest = self._last_call.get(channel_id, 0.0) + seconds - TOLERANCE_SECONDS
            await asyncio.sleep(earliest - time.monotonic())
            self._last_call[channel_id] = time.monotonic()
