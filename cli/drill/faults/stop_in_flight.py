"""F05: people write STOP while their messages are being sent; then they are imported again."""

import asyncio
import time
from random import Random
from typing import Any

from cli.drill.accounts import Campaign
from cli.drill.judgement import repeats
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene

RATE = 25.0
SLOT_AHEAD_SECONDS = 0.05
"""A claim takes a slot that lies so far ahead at most (0.7 intervals); slots are what the ledger keeps of a claim."""

ON_ITS_WAY_SECONDS = 1.0
"""A claim that was committed before the STOP may still arrive; it leaves within its slot."""


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Half of a campaign's people write STOP, each within a second or so of their own message."""
    people = 30 if short else 400
    await scene.behave()
    channel = await scene.channel(RATE)
    campaign = await scene.campaign(channel, people, window=1)
    stopping = chance.sample(campaign.phones, people // 2)
    last = people / RATE
    began = time.monotonic()
    moments = sorted((max(0.0, _turn(campaign, phone) * last + chance.gauss(0, 1.0)), phone) for phone in stopping)
    for moment, phone in moments:
        await asyncio.sleep(began + moment - time.monotonic())
        await scene.write(channel, phone, "STOP")
    await scene.until_over(campaign)
    await scene.until_told(channel)
    again = await scene.campaign(channel, stopping, window=1)
    await scene.until_over(again)
    tally, late, spared = await _judge(scene, campaign, again, stopping)
    done = f"{len(stopping)} of {people} people write STOP around their own send: {spared} in time, {late} on its way"
    return Outcome(f"{done}; all imported and started again", tally)


def _turn(campaign: Campaign, phone: str) -> float:
    """Where in the campaign a person is, 0 to 1."""
    return campaign.phones.index(phone) / len(campaign.phones)


async def _judge(scene: Scene, campaign: Campaign, again: Campaign, stopping: list[str]) -> tuple[Tally, int, int]:
    """No claim, by the ledger, later than the 200 to the STOP; nothing at all in the second campaign."""
    people = {
        person["phone"]: person
        for person in (await scene.control("GET", "people", params={"device": campaign.channel.device}))["items"]
    }
    heard = {phone: _acknowledged_at(people[phone]) for phone in stopping}
    problems, late = [], 0
    for phone, claimed_at in await _claims(scene, campaign):
        if phone in heard and claimed_at > heard[phone] + SLOT_AHEAD_SECONDS:
            problems.append(f"{phone}: claimed {claimed_at - heard[phone]:.3f} s after the STOP was acknowledged")
    for phone, stopped_at in heard.items():
        arrivals = [message["at"] for message in people[phone]["received"] if message["at"] > stopped_at]
        late += len(arrivals)
        if any(at > stopped_at + ON_ITS_WAY_SECONDS for at in arrivals):
            problems.append(f"{phone}: a message arrived {max(arrivals) - stopped_at:.2f} s after the STOP")
    second = await _claims(scene, again)
    if second:
        problems.append(f"{len(second)} messages of the second campaign were claimed")
    log = await scene.log(campaign.channel)
    doubles = max(repeats(log["by_reference_doubles"]), repeats(log["by_text_doubles"]))
    unspoilt = sum(not people[phone]["received"] for phone in stopping)
    counts = await scene.counts(campaign)
    lost = (
        len(campaign.phones)
        - len(stopping)
        - sum(bool(people.get(phone, {}).get("received")) for phone in campaign.phones if phone not in heard)
    )
    return Tally(doubles, lost, counts.unknown, tuple(problems)), late, unspoilt


def _acknowledged_at(person: dict[str, Any]) -> float:
    return float(next(reply["acked_at"] for reply in person["replies"] if reply["stop"]))


async def _claims(scene: Scene, campaign: Campaign) -> list[tuple[str, float]]:
    """Every claim of the campaign by the ledger: for whom, and the slot that it took."""
    rows = await scene.rows(
        "SELECT c.phone, extract(epoch FROM d.first_asked_at) FROM deliveries d JOIN contacts c ON c.id = d.contact_id "
        "WHERE d.campaign_id = CAST(:id AS uuid) AND d.first_asked_at IS NOT NULL",
        id=campaign.id,
    )
    return [(str(row[0]), float(row[1])) for row in rows]
