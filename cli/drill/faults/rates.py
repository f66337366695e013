"""F13: many workers, restarts and two campaigns on one account: never over its rate, its quota or its wish to wait."""

import asyncio
from itertools import pairwise
from random import Random
from signal import SIGKILL, SIGTERM
from typing import Any

from cli.drill.accounts import Campaign, Channel
from cli.drill.judgement import most_in_any_second, over_the_rate, repeats
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.waiting import until
from cli.drill.workers import more_workers, start_worker
from cli.stack.process import Child, stop

RATE = 5.0
LATE_SECONDS = 1.0
"""A call that is held up between its slot and its beginning for longer than this is given up by the sender."""

EDGE = 2
"""A second's two edges may both hold a call, and one that came late on busy cores may fall into it."""

SAME_SLOT_SECONDS = 0.001


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Three accounts at once: one with a rate, one with a quota, one whose platform asks to wait."""
    people, extra, restarts, wait = (12, 1, 1, 3) if short else (80, 4, 6, 6)
    await scene.behave()
    paced = await scene.channel(RATE)
    capped = await scene.channel(RATE, daily_quota=people)
    throttled = await scene.channel(RATE)
    await scene.fault({"kind": "throttle", "retry_after": wait, "match": {"device": throttled.device, "next_n": 1}})
    async with more_workers(scene.stack, extra, "rates") as workers:
        pairs = [await _two_campaigns(scene, channel, people) for channel in (paced, capped, throttled)]
        await _restart(scene, chance, workers, restarts)
        for campaign in (*pairs[0], *pairs[2]):
            await scene.until_over(campaign, 180)
        await until(lambda: _only_held(scene, pairs[1]), "all that the quota leaves are held", 60)
        for campaign in pairs[1]:
            await scene.command(campaign, "cancel")
            await scene.until_over(campaign)
    tally = Tally(doubles=repeats((await scene.log(capped))["by_reference_doubles"]))
    for first, second in (pairs[0], pairs[2]):
        tally += await scene.judge(first, beside=second) + await scene.judge(second, beside=first)
    posts = {channel.id: await scene.posts(channel) for channel in (paced, capped, throttled)}
    quota = sum(post["accepted"] for post in posts[capped.id])
    fullest = max(most_in_any_second(post["at"] for post in each) for each in posts.values())
    conditions = {
        f"the ledger gave no two slots closer than {1 / RATE:g} s": await _slots_keep_apart(scene, paced),
        f"no call before its turn at {RATE:g}/s": not any(_early(each) for each in posts.values()),
        f"at most {RATE + EDGE:g} calls of an account in any second ({fullest} were)": fullest <= RATE + EDGE,
        f"the quota of {people} a day is used and not passed ({quota} sent)": quota == people,
        "no call before Retry-After": not await _too_soon(scene, throttled, posts[throttled.id], wait),
    }
    done = (
        f"{extra + 1} workers, {restarts} restarts, 3 accounts at {RATE:g}/s with two campaigns each of {people} "
        f"people, a quota of {people}, Retry-After {wait} s; smallest gap {min(_gaps(posts[paced.id])):.3f} s, "
        f"at most {fullest} in any second"
    )
    return Outcome(done, tally, None, conditions)


async def _two_campaigns(scene: Scene, channel: Channel, people: int) -> tuple[Campaign, Campaign]:
    first = await scene.campaign(channel, people, window=1)
    return first, await scene.campaign(channel, people, window=1)


async def _restart(scene: Scene, chance: Random, workers: list[Child], restarts: int) -> None:
    """Kills the stack's worker and stops one of the others, in turn."""
    for number in range(restarts):
        await asyncio.sleep(chance.uniform(0.5, 2.0))
        if number % 2 or not workers:
            scene.stack.kill("worker", SIGTERM if chance.random() < 0.5 else SIGKILL)
            await scene.stack.wait_ready("worker")
            continue
        await stop(workers.pop(chance.randrange(len(workers))))
        workers.append(await start_worker(scene.stack, f"rates-again-{number}"))


async def _only_held(scene: Scene, campaigns: tuple[Campaign, Campaign]) -> bool:
    counts = [await scene.counts(campaign) for campaign in campaigns]
    sent = sum(each.out for each in counts)
    return sent >= len(campaigns[0].phones) and all(each.held == each.pending and not each.sending for each in counts)


def _early(posts: list[dict[str, Any]]) -> int:
    return over_the_rate((post["at"] for post in posts), RATE, LATE_SECONDS)


def _gaps(posts: list[dict[str, Any]]) -> list[float]:
    times = sorted(post["at"] for post in posts)
    return [later - earlier for earlier, later in pairwise(times)]


async def _slots_keep_apart(scene: Scene, channel: Channel) -> bool:
    """The slots of first claims, by the ledger; those of later claims only lie between them."""
    rows = await scene.rows(
        "SELECT extract(epoch FROM first_asked_at) FROM deliveries "
        "WHERE channel_id = CAST(:id AS uuid) AND first_asked_at IS NOT NULL ORDER BY first_asked_at",
        id=channel.id,
    )
    slots = [float(row[0]) for row in rows]
    return all(later - earlier > 1 / RATE - SAME_SLOT_SECONDS for earlier, later in pairwise(slots))


async def _too_soon(scene: Scene, channel: Channel, posts: list[dict[str, Any]], wait: float) -> list[float]:
    """Calls between the commit of the platform's wish and its end, but for one that had its last look before."""
    rows = await scene.rows(
        "SELECT extract(epoch FROM throttled_until) FROM channels WHERE id = CAST(:id AS uuid)", id=channel.id
    )
    known_at = float(rows[0][0]) - wait
    asked = max(post["at"] for post in posts if post["status"] == 429)
    return [post["at"] for post in posts if known_at + LATE_SECONDS < post["at"] < asked + wait]
