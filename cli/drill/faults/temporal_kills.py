"""F08: Temporal is killed and stays away for a while, with a campaign and webhooks under way."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from cli.drill.accounts import Channel
from cli.drill.judgement import heard_within, missing
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.waiting import until

PEOPLE: dict[str, Any] = {"reply_share": 0.4, "stop_share": 0.0, "delay": {"min_seconds": 0.3, "max_seconds": 2.0}}
WORDS = "Is anybody there?"
STRANGERS, REPLIES = 5, 2
"""So many write in each outage: strangers, of whom no workflow has to hear, and people whose text is a reply."""

SHORTEST, LONG = 1.0, 10.0
"""In a shorter outage nobody writes: it may be over before a text is heard. A reply is heard once the API has given up
telling it, which takes it four seconds: only an outage that is long is sure to last until then."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From the kill until the moment before which Temporal was not even started again; who wrote in it."""

    began: float
    ended: float
    strangers: list[str]
    replying: list[str]


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Kills with outages between nought and thirty seconds; one of ten is long."""
    people, downs = (25, [SHORTEST]) if short else (300, outages(chance))
    await scene.behave()
    bystander = await scene.channel(20.0)
    waiting = await scene.campaign(bystander, REPLIES * sum(down >= SHORTEST for down in downs), window=600)
    await scene.until_out(waiting, len(waiting.phones))
    await scene.behave(**PEOPLE)
    channel = await scene.channel(20.0)
    pacing = {"delay_seconds": 0.15, "batch_size": 50, "max_delay_seconds": 1}
    campaign = await scene.campaign(channel, people, window=3 if short else 12, pacing=pacing)
    await scene.until_out(campaign, 5)
    recovery, had, replying = 0.0, list[Outage](), iter(waiting.phones)
    for down in downs:
        await asyncio.sleep(0 if short else chance.uniform(0.5, 3.0))
        had.append(await _outage(scene, bystander, down, replying))
        await scene.stack.wait_ready("temporal")
        recovery = max(recovery, await scene.seconds_until_ready())
    drained = time.monotonic()
    tally = Tally()
    for each in (campaign, waiting):
        await scene.until_over(each, 300)
        tally += await scene.judge(each)
    await until(lambda: _no_backlog(scene), "no inbound event is left unprocessed", 60)
    tally += await _recorded(scene, bystander)
    done = (
        f"{len(downs)} × kill -9 of Temporal, away {min(downs):.1f}–{max(downs):.1f} s ({sum(downs):.0f} s in all), "
        f"{people} contacts; over {time.monotonic() - drained:.0f} s after the last"
    )
    return Outcome(done, tally, recovery, await _heard_while_away(scene, bystander, had))


def outages(chance: Random) -> list[float]:
    """Ten durations: eight short ones, one of some seconds, one between twenty and thirty."""
    downs = [chance.uniform(0.0, 3.0) for _ in range(8)] + [chance.uniform(3.0, 10.0), chance.uniform(20.0, 30.0)]
    chance.shuffle(downs)
    return downs


async def _outage(scene: Scene, channel: Channel, down: float, waiting: Iterator[str]) -> Outage:
    """Kills Temporal; in an outage that is long enough people write within its first third."""
    replying = list(islice(waiting, REPLIES)) if down >= SHORTEST else []
    strangers = scene.new_phones(STRANGERS) if down >= SHORTEST else []
    began = time.time()
    scene.stack.kill("temporal", down_seconds=down)
    for phone in (*replying, *strangers):
        await scene.write(channel, phone, WORDS)
        await asyncio.sleep(down / 3 / (REPLIES + STRANGERS))
    return Outage(began, began + down, strangers, replying)


async def _heard_while_away(scene: Scene, channel: Channel, had: list[Outage]) -> dict[str, bool]:
    """Conditions on the texts that were written while Temporal was away: each acknowledged before it was started."""
    texts = {person["phone"]: person["replies"] for person in await scene.people(channel)}

    def heard(outage: Outage, phones: list[str]) -> int:
        return sum(heard_within(texts.get(phone, []), outage.began, outage.ended) for phone in phones)

    written = sum(len(each.strangers) for each in had)
    taken = sum(heard(each, each.strangers) for each in had)
    words = f"texts were acknowledged while Temporal was away ({taken} of {written} before it was started again)"
    conditions = {words: taken == written > 0}
    if long := [each for each in had if each.ended - each.began >= LONG]:
        wanted, told = REPLIES * len(long), sum(heard(each, each.replying) for each in long)
        conditions[f"replies too, where it was away for long ({told} of {wanted})"] = told == wanted
    return conditions


async def _recorded(scene: Scene, channel: Channel) -> Tally:
    """Every text that was acknowledged is on record as a message."""
    rows = await scene.rows(
        "SELECT provider_message_id FROM messages WHERE channel_id = CAST(:id AS uuid) AND direction = 'in'",
        id=channel.id,
    )
    written = {str(reply["id"]) for person in await scene.people(channel) for reply in person["replies"]}
    return missing(written, {str(row[0]) for row in rows}, "acknowledged texts are")


async def _no_backlog(scene: Scene) -> bool:
    """Nothing waits, whatever kept it: no receipts are told here, so what is left would be somebody's text."""
    [row] = await scene.rows("SELECT count(*) FROM inbound_events WHERE processed_at IS NULL")
    return int(row[0]) == 0
