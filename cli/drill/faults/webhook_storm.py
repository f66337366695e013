"""F04: a storm of doubled and shuffled webhooks, with the API killed in it."""

import asyncio
import time
from random import Random

from cli.drill.accounts import Campaign
from cli.drill.judgement import missing, repeats
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.storm import Event, Storm, shuffled

CONNECTIONS = 64
COPIES = 5
WORDS = ("Yes, please", "How much is it?", "Tell me more", "Where are you?")


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Everybody in a campaign writes many texts; each is told five times over, by 64 connections at once."""
    people, texts, kills = (20, 60, 1) if short else (200, 10_000, 5)
    await scene.behave()
    campaign = await scene.campaign(await scene.channel(40.0), people, window=600)
    await scene.until_out(campaign, people)
    events = [
        Event(f"3EB0{chance.getrandbits(72):018X}", chance.choice(campaign.phones), chance.choice(WORDS))
        for _ in range(texts)
    ]
    storm = Storm(campaign.channel.webhook_url, campaign.channel.device, shuffled(events, COPIES, chance.shuffle))
    began = time.monotonic()
    done, lost = await _rage(scene, chance, storm, kills)
    seconds = time.monotonic() - began
    tally = Tally(lost=lost, problems=(f"{lost} acknowledged events were not in the database",) if lost else ())
    written = {event.phone for event in events}
    if len(written) == people:
        await scene.until_over(campaign)
    tally += await _judge(scene, campaign, events, storm, written)
    unwell = {status for status in storm.answers if status not in {0, 200, 503}}
    conditions = {
        f"all {kills} kills fell within the storm ({done} did)": done == kills,
        f"nothing but 200 and 503 was answered (also: {sorted(unwell)})": not unwell,
    }
    words = (
        f"{texts} events × {COPIES} deliveries over {CONNECTIONS} connections in {seconds:.0f} s "
        f"({texts * COPIES / seconds:.0f}/s), {done} × kill -9 of the API"
    )
    return Outcome(words, tally, storm.longest_away, conditions)


async def _rage(scene: Scene, chance: Random, storm: Storm, kills: int) -> tuple[int, int]:
    """Kills the API whenever a drawn number of deliveries was acknowledged; returns kills, and events found lost."""
    deliveries = len(storm.deliveries)
    marks = sorted(chance.randrange(deliveries // 20, deliveries * 9 // 10) for _ in range(kills))
    reached = asyncio.Event()

    def after_each(heard: int) -> None:
        if marks and heard >= marks[0]:
            reached.set()

    raging = asyncio.create_task(storm.rage(CONNECTIONS, after_each))
    done, lost = 0, 0
    try:
        while marks:
            waiting = asyncio.create_task(reached.wait())
            await asyncio.wait({waiting, raging}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if raging.done():
                break
            await scene.stack.wait_ready("api")
            scene.stack.kill("api")
            marks.pop(0)
            reached.clear()
            done += 1
            heard = set(storm.acknowledged)
            lost += len(heard - await _stored(scene, storm))
        await raging
    finally:
        raging.cancel()
    return done, lost


async def _stored(scene: Scene, storm: Storm) -> set[str]:
    """The ids of the platform's texts that the database holds, processed or not."""
    channel_id = storm.url.partition("?")[0].rpartition("/")[2]
    rows = await scene.rows("SELECT dedupe_key FROM inbound_events WHERE channel_id = CAST(:id AS uuid)", id=channel_id)
    return {str(row[0]).split("|")[1] for row in rows if "|" in row[0]}


async def _judge(scene: Scene, campaign: Campaign, events: list[Event], storm: Storm, written: set[str]) -> Tally:
    """Every event is an interaction exactly once, and every person who wrote got exactly one Message 2."""
    stored = await _stored(scene, storm)
    [found] = await scene.rows(
        "SELECT count(*), count(DISTINCT message_id) FROM interactions WHERE campaign_id = CAST(:id AS uuid)",
        id=campaign.id,
    )
    interactions, distinct = int(found[0]), int(found[1])
    log = await scene.log(campaign.channel)
    doubles = max(repeats(log["by_reference_doubles"]), repeats(log["by_text_doubles"]))
    answered = log["accepted"] - len(campaign.phones)
    problems = []
    if (interactions, distinct) != (len(events), len(events)):
        problems.append(f"{len(events)} events became {interactions} interactions of {distinct} texts")
    if answered != len(written):
        problems.append(f"{len(written)} people wrote, the platform has {answered} Messages 2")
    tally = missing({event.id for event in events}, stored, "events are")
    return tally + Tally(doubles=doubles, problems=tuple(problems))
