"""F14: one platform is down, one answers every second call with 503, one is slow; a fourth account is well."""

import asyncio
import time
from datetime import datetime
from random import Random
from typing import Any

from cli.drill.accounts import Campaign, Channel
from cli.drill.judgement import over_the_rate
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.waiting import NotInTime, until
from domain.breaker import FIRST_COOL_DOWN_SECONDS

RATE = 4.0
SLOW_RATE = 1.0
SLOW_SECONDS = 30
HTTP_UNAVAILABLE = 503
FAILURES = 10
FAILURES_AT_LEAST = 5
"""Fewer do not open a breaker: if fewer were counted, they were not counted well."""

HEAD_START_SECONDS = 4.0
"""Campaigns are made one after the other; each has people enough to be still at work when the trouble begins."""

THROUGHPUT = 0.9
THROUGHPUT_IN_SHORT = 0.5
"""The short form counts some sixteen messages while other faults keep the same two cores busy: two late are 12 %.
An account that shares the others' trouble (their breaker, their senders) would send next to nothing."""

LATE_SECONDS = 1.0
"""A call that is held up for longer than this after its slot is given up by the sender."""


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """The four accounts send at once: first all well, then in trouble, then healed."""
    well, trouble = (2.0, 4.0) if short else (12.0, 32.0)
    await scene.behave()
    down, flaky, sound = [await scene.channel(RATE) for _ in range(3)]
    slow = await scene.channel(SLOW_RATE)
    rates = {down: RATE, flaky: RATE, sound: RATE, slow: SLOW_RATE}
    lasting = {down: 0.5, flaky: 0.5, sound: 1.2, slow: 0.5}
    campaigns = []
    for channel, rate in rates.items():
        seconds = HEAD_START_SECONDS + well + trouble * lasting[channel]
        campaigns.append(await scene.campaign(channel, round(rate * seconds), window=1))
    await scene.until_out(campaigns[2], 2)
    began = time.time()
    await asyncio.sleep(well)
    await scene.fault(*_trouble(down, flaky, slow))
    broken = time.time()
    opening = [asyncio.create_task(_opened(scene, channel, trouble)) for channel in (down, slow)]
    await asyncio.sleep(trouble)
    await scene.fault()
    healed = time.time()
    recovery = await _recovered(scene, campaigns, (down, flaky, slow), healed)
    for campaign in campaigns:
        await _until_over(scene, campaign)
    tally = Tally()
    for campaign in campaigns:
        tally += await scene.judge(campaign)
    before, during = await _throughput(scene, sound, (began, broken), (broken, healed))
    bursts = [await _burst(scene, channel, healed, rates[channel]) for channel in (down, flaky, slow)]
    patience = scene.stack.settings.send_timeout_seconds
    failures = {
        "down": await _failures(scene, down, broken, await opening[0]),
        "slow": await _failures(scene, slow, broken, await opening[1], patience),
    }
    # In the short form the trouble is over before the slow platform's fifth answer is given up.
    judged = [failures["down"]] if short else list(failures.values())
    kept = THROUGHPUT_IN_SHORT if short else THROUGHPUT
    conditions = {
        f"the breaker opens, within {FAILURES} failures ({failures})": all(
            FAILURES_AT_LEAST <= count <= FAILURES for count in judged
        ),
        f"the sound account keeps {kept:.0%} ({during:.2f}/s of {before:.2f}/s)": during >= kept * before,
        f"no burst after the recovery ({bursts} too early)": not any(bursts),
    }
    scaled = "" if short else " (scaled from 30 min)"
    done = (
        f"outage of {trouble:.0f} s{scaled}, 50 % 503, answers {SLOW_SECONDS} s late, all at once; a sound account "
        f"sent {during:.1f}/s of {before:.1f}/s; breakers open after {failures['down']} and {failures['slow']} failures"
    )
    return Outcome(done, tally, recovery, conditions)


def _trouble(down: Channel, flaky: Channel, slow: Channel) -> list[dict[str, Any]]:
    match = {"device": slow.device}
    return [
        {"kind": "error", "status": 503, "on": "any", "match": {"device": down.device}},
        {"kind": "error", "status": 503, "on": "any", "match": {"device": flaky.device, "share": 0.5}},
        {"kind": "accept_then_delay", "seconds": SLOW_SECONDS, "match": match},
        {"kind": "delay", "on": "lookup", "seconds": SLOW_SECONDS, "match": match},
    ]


async def _recovered(scene: Scene, campaigns: list[Campaign], channels: tuple[Channel, ...], healed: float) -> float:
    """Seconds until each of the troubled platforms took a message again; a campaign that its breaker paused goes on."""
    for channel in channels:

        async def takes(channel: Channel = channel) -> bool:
            for campaign in campaigns:
                await _resume_if_tripped(scene, campaign)
            return any(post["accepted"] for post in await scene.posts(channel, since=healed))

        await until(takes, "the platform takes messages again", 180)
    return time.time() - healed


async def _until_over(scene: Scene, campaign: Campaign) -> None:
    async def over() -> bool:
        await _resume_if_tripped(scene, campaign)
        return await scene.is_over(campaign)

    await until(over, "the campaign is over", 240)


async def _resume_if_tripped(scene: Scene, campaign: Campaign) -> None:
    """What an operator does once the platform is well again and the campaign's breaker has paused it."""
    if (await scene.show(campaign))["status"] == "paused":
        await scene.command(campaign, "resume")


async def _throughput(
    scene: Scene, channel: Channel, before: tuple[float, float], during: tuple[float, float]
) -> tuple[float, float]:
    """Messages per second that the platform took from the sound account in each of the two spans."""
    times = [post["at"] for post in await scene.posts(channel) if post["accepted"]]
    first, second = (sum(begin <= at < end for at in times) / (end - begin) for begin, end in (before, during))
    return first, second


async def _burst(scene: Scene, channel: Channel, healed: float, rate: float) -> int:
    posts = await scene.posts(channel, since=healed)
    return over_the_rate((post["at"] for post in posts), rate, LATE_SECONDS)


async def _opened(scene: Scene, channel: Channel, within: float) -> float | None:
    """When (Unix time) the channel's breaker opened for the first time; None when it did not in time."""
    ends: list[datetime] = []

    async def is_open() -> bool:
        breaker = (await scene.call("GET", f"/api/channels/{channel.id}"))["breaker"]
        if breaker["open_until"] is not None:
            ends.append(datetime.fromisoformat(breaker["open_until"]))
        return bool(ends)

    try:
        await until(is_open, "the breaker is open", within)
    except NotInTime:
        return None
    return ends[0].timestamp() - FIRST_COOL_DOWN_SECONDS


async def _failures(scene: Scene, channel: Channel, broken: float, opened: float | None, patience: float = 0.0) -> int:
    """Calls, look-ups too, that had failed when the breaker opened (0 if it did not); a call that is not
    answered has failed `patience` seconds after it arrived."""
    if opened is None:
        return 0
    lookups = [look for look in await scene.control("GET", "lookups") if look["device"] == channel.device]
    calls = [*await scene.posts(channel, since=broken), *lookups]
    failed = [call for call in calls if call["at"] >= broken and (patience or call["status"] == HTTP_UNAVAILABLE)]
    return sum(call["at"] + patience <= opened for call in failed)
