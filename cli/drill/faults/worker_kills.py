"""F01: the worker is killed again and again while a campaign with replies runs."""

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import Any

from cli.drill.accounts import Campaign
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene

PEOPLE: dict[str, Any] = {"reply_share": 0.3, "stop_share": 0.02, "delay": {"min_seconds": 0.3, "max_seconds": 2.0}}
CHANNEL_RATE = 40.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it."""

    people: int
    kills: int
    delay_seconds: float
    window_seconds: float
    compare: bool


FULL = Size(people=1000, kills=20, delay_seconds=0.05, window_seconds=15, compare=True)
SHORT = Size(people=40, kills=2, delay_seconds=0.06, window_seconds=3, compare=False)


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """The same campaign twice: left alone, and with kills spread over the time that it took."""
    size = SHORT if short else FULL
    await scene.behave(**PEOPLE)
    undisturbed, tally = 0.0, Tally()
    if size.compare:
        undisturbed, tally = await _undisturbed(scene, size)
    expected = undisturbed or size.people * size.delay_seconds + size.window_seconds
    campaign = await _campaign(scene, size)
    began = time.monotonic()
    kills = asyncio.create_task(_kill(scene, campaign, chance, size.kills, expected * 0.8))
    try:
        await scene.until_over(campaign, 400)
        done, recovery = await kills
    finally:
        kills.cancel()
    disturbed = time.monotonic() - began
    tally += await scene.judge(campaign)
    conditions = {f"all {size.kills} kills fell within the campaign ({done} did)": done == size.kills}
    compared = ""
    if size.compare:
        compared = f", {disturbed:.0f} s after {undisturbed:.0f} s undisturbed"
        conditions["finished within 2 × the undisturbed time"] = disturbed <= 2 * undisturbed
    return Outcome(f"{done} × kill -9 of the worker, {size.people} contacts{compared}", tally, recovery, conditions)


async def _undisturbed(scene: Scene, size: Size) -> tuple[float, Tally]:
    campaign = await _campaign(scene, size)
    began = time.monotonic()
    await scene.until_over(campaign, 300)
    seconds = time.monotonic() - began
    return seconds, await scene.judge(campaign)


async def _campaign(scene: Scene, size: Size) -> Campaign:
    channel = await scene.channel(CHANNEL_RATE)
    pacing = {"delay_seconds": size.delay_seconds, "batch_size": 100, "max_delay_seconds": 1}
    return await scene.campaign(channel, size.people, window=size.window_seconds, pacing=pacing)


async def _kill(
    scene: Scene, campaign: Campaign, chance: Random, count: int, within_seconds: float
) -> tuple[int, float]:
    """Kills at random moments; returns how many, and the longest time from a kill to the platform's next call."""
    moments = sorted(chance.uniform(0.5, within_seconds) for _ in range(count))
    began, longest = time.monotonic(), 0.0
    for moment in moments:
        await asyncio.sleep(began + moment - time.monotonic())
        await scene.stack.wait_ready("worker")
        scene.stack.kill("worker")
        longest = max(longest, await scene.seconds_until_next_post(campaign))
    return count, longest
