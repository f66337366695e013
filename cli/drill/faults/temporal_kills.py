"""F08: Temporal is killed and stays away for a while, with a campaign and webhooks under way."""

import asyncio
import time
from random import Random
from typing import Any

from cli.drill.accounts import Channel
from cli.drill.outcome import Outcome
from cli.drill.scene import Scene
from cli.drill.waiting import until

PEOPLE: dict[str, Any] = {"reply_share": 0.4, "stop_share": 0.0, "delay": {"min_seconds": 0.3, "max_seconds": 2.0}}


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Kills with outages between nought and thirty seconds; one of ten is long."""
    people, downs = (25, [1.0]) if short else (300, outages(chance))
    await scene.behave(**PEOPLE)
    channel = await scene.channel(20.0)
    bystander = await scene.channel(20.0)
    pacing = {"delay_seconds": 0.15, "batch_size": 50, "max_delay_seconds": 1}
    campaign = await scene.campaign(channel, people, window=3 if short else 12, pacing=pacing)
    await scene.until_out(campaign, 5)
    recovery, taken = 0.0, 0
    for down in downs:
        await asyncio.sleep(0 if short else chance.uniform(0.5, 3.0))
        scene.stack.kill("temporal", down_seconds=down)
        taken += await _webhooks_are_taken(scene, bystander, down)
        await scene.stack.wait_ready("temporal")
        recovery = max(recovery, await scene.seconds_until_ready())
    drained = time.monotonic()
    await scene.until_over(campaign, 300)
    tally = await scene.judge(campaign)
    await until(lambda: _no_backlog(scene), "no inbound event is left unprocessed", 60)
    longest = max(downs)
    done = (
        f"{len(downs)} × kill -9 of Temporal, away {min(downs):.1f}–{longest:.1f} s ({sum(downs):.0f} s in all), "
        f"{people} contacts; over {time.monotonic() - drained:.0f} s after the last"
    )
    conditions = {"webhooks were taken while Temporal was away": taken == len(downs)}
    return Outcome(done, tally, recovery, conditions)


def outages(chance: Random) -> list[float]:
    """Ten durations: eight short ones, one of some seconds, one between twenty and thirty."""
    downs = [chance.uniform(0.0, 3.0) for _ in range(8)] + [chance.uniform(3.0, 10.0), chance.uniform(20.0, 30.0)]
    chance.shuffle(downs)
    return downs


async def _webhooks_are_taken(scene: Scene, channel: Channel, down: float) -> bool:
    """A stranger writes while Temporal is away; whether the platform heard a 200 for it."""
    [phone] = scene.new_phones(1)
    await scene.write(channel, phone, "Is anybody there?")

    async def heard() -> bool:
        people = await scene.control("GET", "people", params={"phone": phone, "device": channel.device})
        return all(reply["acked_at"] is not None for person in people["items"] for reply in person["replies"])

    await until(heard, "the platform's webhook is answered while Temporal is away", max(10.0, down))
    return True


async def _no_backlog(scene: Scene) -> bool:
    [row] = await scene.rows("SELECT count(*) FROM inbound_events WHERE processed_at IS NULL AND problem IS NULL")
    return int(row[0]) == 0
