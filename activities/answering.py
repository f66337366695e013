"""Whether people are being answered just now: what is not due yet gives way to them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from temporalio import activity

ANSWERING_SECONDS = 10.0
"""Whoever was answered so lately is likely to be followed by others."""

REST = 4.0
"""A step that gives way is followed by a rest of so many times its length: the rest is the answers' share."""

LONGEST_REST_SECONDS = 0.25
"""A step that took long because the server was away says nothing about its work."""


class Answering:
    """What one worker process knows of the replies that it answers; `clock` reads seconds, `sleep` waits for some."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._last: float | None = None

    def begins(self) -> None:
        """A reply's answer is on its way."""
        self._last = self._clock()

    def is_going_on(self) -> bool:
        """Whether a reply was answered in the last seconds."""
        return self._last is not None and self._clock() - self._last < ANSWERING_SECONDS

    async def give_way(self, took: float) -> None:
        """Rests after a step of an activity that took so many seconds, if people are being answered.

        A worker that is told to stop does not: it has little time left for what it has begun.
        """
        if self.is_going_on() and not activity.is_worker_shutdown():
            await self._sleep(min(LONGEST_REST_SECONDS, REST * took))
