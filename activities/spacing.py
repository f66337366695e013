"""The least gap between two calls of one channel as they really happen, within one process."""

import asyncio
import time
from collections import defaultdict
from uuid import UUID


class Spacing:
    """Lets calls of a channel through one after the other.

    The ledger's slots say when a call may be made; a process that is held up for a moment would then make the late
    call and the punctual one behind it at once.
    """

    def __init__(self) -> None:
        self._locks: dict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[UUID, float] = {}

    async def keep(self, channel_id: UUID, gap_seconds: float) -> float:
        """Waits until the channel's last call is `gap_seconds` ago; returns how long that took, in seconds."""
        asked = time.monotonic()
        async with self._locks[channel_id]:
            await asyncio.sleep(self._last.get(channel_id, -gap_seconds) + gap_seconds - time.monotonic())
            self._last[channel_id] = time.monotonic()
        return time.monotonic() - asked
