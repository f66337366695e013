"""What was read lately is read once for all who ask, and a failure for nobody."""

import asyncio

import pytest

from api.ui.recent import Recent

LONG = 60.0


class Slow:
    """A read that takes until it is let go, and counts how often it was asked for what."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()

    async def read(self, key: str) -> str:
        """The key with a number."""
        self.asked.append(key)
        await self.go.wait()
        if key == "broken":
            raise LookupError(key)
        return f"{key} {len(self.asked)}"


async def test_many_who_ask_at_once_and_soon_after_share_one_read() -> None:
    slow = Slow()
    recent = Recent(slow.read, seconds=LONG)
    asking = [asyncio.create_task(recent.get("a")) for _ in range(5)]
    await asyncio.sleep(0)
    slow.go.set()
    assert await asyncio.gather(*asking) == ["a 1"] * 5
    assert await recent.get("a") == "a 1"
    assert await recent.get("b") == "b 2"
    assert slow.asked == ["a", "b"]


async def test_what_is_too_old_is_read_again() -> None:
    slow = Slow()
    slow.go.set()
    recent = Recent(slow.read, seconds=0.0)
    assert [await recent.get("a"), await recent.get("a")] == ["a 1", "a 2"]


async def test_who_hangs_up_takes_it_from_nobody_else() -> None:
    slow = Slow()
    recent = Recent(slow.read, seconds=LONG)
    first, second = (asyncio.create_task(recent.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    slow.go.set()
    assert await second == "a 1"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_told_and_not_kept() -> None:
    slow = Slow()
    slow.go.set()
    recent = Recent(slow.read, seconds=LONG)
    for _ in range(2):
        with pytest.raises(LookupError):
            await recent.get("broken")
    assert slow.asked == ["broken", "broken"]
