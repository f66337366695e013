"""F15: workers are told to stop (SIGTERM) at random moments, with messages under way."""

import asyncio
import time
from dataclasses import dataclass, field
from random import Random

from cli.drill.accounts import Campaign
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.workers import start_worker
from cli.stack.process import stop

AT_ONCE = 4
SLOW_ANSWER = 0.4
"""The platform takes so long to answer each call, so that a stop finds several of them under way."""

EXIT_WITHIN = 15.0
"""What a stopping worker gives its activities; a send lasts at most three seconds here."""


@dataclass(slots=True)
class Stops:
    """How the workers ended."""

    left: int
    seconds: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Several workers at a time come and are stopped again, beside one that stays."""
    people, stops, rate = (100, 2, 5.0) if short else (1500, 100, 10.0)
    await scene.behave()
    channel = await scene.channel(rate)
    await scene.fault({"kind": "delay", "seconds": SLOW_ANSWER, "match": {"device": channel.device}})
    campaign = await scene.campaign(channel, people, window=1)
    await scene.until_out(campaign, 2)
    ends = Stops(stops)
    draws = [Random(chance.random()) for _ in range(min(AT_ONCE, stops))]  # noqa: S311 - repeats from the seed
    async with asyncio.TaskGroup() as group:
        for place, draw in enumerate(draws):
            group.create_task(_come_and_go(scene, draw, place, ends))
    busy = not await scene.is_over(campaign)
    await scene.call("PATCH", f"/api/channels/{channel.id}", json={"rate_per_second": 40})
    await scene.until_over(campaign, 180)
    tally = await scene.judge(campaign) + await _cut_short(scene, campaign)
    slowest = max(ends.seconds)
    conditions = {
        f"every worker ended with status 0 ({sorted(ends.statuses)})": ends.statuses == {0},
        f"every worker ended within {EXIT_WITHIN:g} s": slowest <= EXIT_WITHIN,
        "messages were under way until the last stop": busy,
    }
    done = f"{len(ends.seconds)} × SIGTERM to workers, {AT_ONCE} at once beside one that stays, {people} contacts"
    return Outcome(f"{done}; ended within {slowest:.1f} s", tally, slowest, conditions)


async def _come_and_go(scene: Scene, chance: Random, place: int, ends: Stops) -> None:
    while ends.left > 0:
        ends.left -= 1
        child = await start_worker(scene.stack, f"stops-{place}-{ends.left}")
        try:
            await asyncio.sleep(chance.uniform(0.0, 1.5))  # the moment of a stop is the fault's own
        finally:
            began = time.monotonic()
            ends.statuses.add(await stop(child))
            ends.seconds.append(time.monotonic() - began)


async def _cut_short(scene: Scene, campaign: Campaign) -> Tally:
    """Calls that reached the platform and were unknown afterwards: whoever made them was stopped before the answer.

    A claim that was given up before its call, since the cores were too busy to make it in time, is not meant.
    """
    rows = await scene.rows(
        "SELECT d.idempotency_key, extract(epoch FROM min(l.executed_at)) FROM action_log l "
        "JOIN deliveries d ON d.id = l.delivery_id "
        "WHERE l.campaign_id = CAST(:id AS uuid) AND l.status = 'unknown' GROUP BY 1",
        id=campaign.id,
    )
    unknown = {str(row[0]): float(row[1]) for row in rows}
    posts = await scene.posts(campaign.channel)
    cut = {post["reference"] for post in posts if post["at"] < unknown.get(str(post["reference"]), 0.0)}
    return Tally(problems=(f"{len(cut)} calls were unknown for a while",) if cut else ())
