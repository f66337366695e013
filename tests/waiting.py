"""Waiting for something to come about, instead of for some time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable

SETTLED = 45.0
"""Seconds within which a journey's end is awaited; the wait itself is on the condition."""


LONGEST_PAUSE = 0.2


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, within: float = SETTLED, longest_pause: float = LONGEST_PAUSE
) -> None:
    """Waits until a condition holds, asking ever more rarely; fails with its name when it does not in time."""
    deadline = time.monotonic() + within
    pause = 0.02
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(pause)
        pause = min(longest_pause, pause * 1.2)
