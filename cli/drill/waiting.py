"""Waiting for a condition; the drill gives up with its name when it does not come about."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LONGEST_PAUSE = 0.5


class NotInTime(Exception):
    """Something that had to come about did not; the message names it."""


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, within: float, *, longest_pause: float = LONGEST_PAUSE
) -> float:
    """Waits, asking ever more rarely, but never with a longer pause than this; returns the seconds that it took."""
    began, pause = time.monotonic(), 0.02
    while not await condition():
        if time.monotonic() - began > within:
            raise NotInTime(f"not within {within:g} s: {what}")
        await asyncio.sleep(pause)
        pause = min(longest_pause, pause * 1.3)
    return time.monotonic() - began
