"""F05: people write STOP while their messages are being sent; then they are imported again."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from cli.demo.script import which_message
from cli.drill.accounts import Campaign
from cli.drill.judgement import in_flight, missing, repeats
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.waiting import until

RATE = 25.0
SLOW_ANSWER = 0.5
"""The platform takes so long to answer each call, many times what it takes to take in a STOP: were it to answer within
milliseconds, no STOP would meet its own send."""

LOOK_EVERY = 0.1
CALLED_WITHIN = 120.0
SLOT_AHEAD_SECONDS = 0.05
"""A claim takes a slot that lies so far ahead at most (0.7 intervals); slots are what the ledger keeps of a claim."""

ON_ITS_WAY_SECONDS = 1.0
"""A call may still begin when its claim was committed before the STOP; a sender held up for longer looks again."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are, write STOP once their own call has begun, or around it; how many must meet it in flight."""

    people: int
    crossing: int
    around: int
    at_least: int


FULL = Size(people=400, crossing=100, around=100, at_least=50)
SHORT = Size(people=30, crossing=10, around=5, at_least=3)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim by the ledger: for whom, the slot that it took, and when the answer was recorded, if one was."""

    phone: str
    slot: float
    recorded: float | None


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Half of a campaign's people write STOP: some once their own call has begun, some within a second or so of it."""
    size = SHORT if short else FULL
    await scene.behave()
    channel = await scene.channel(RATE)
    await scene.fault({"kind": "delay", "seconds": SLOW_ANSWER, "match": {"device": channel.device}})
    campaign = await scene.campaign(channel, size.people, window=1)
    stopping = chance.sample(campaign.phones, size.crossing + size.around)
    crossing = asyncio.create_task(_write_once_called(scene, campaign, stopping[: size.crossing]))
    try:
        await _write_around(scene, campaign, chance, stopping[size.crossing :])
        await crossing
    finally:
        crossing.cancel()
    await scene.until_over(campaign)
    await scene.until_told(channel)
    again = await scene.campaign(channel, stopping, window=1)
    await scene.until_over(again)
    tally, crossed, spared = await _judge(scene, campaign, again, stopping)
    done = (
        f"{len(stopping)} of {size.people} people write STOP around their own send: {spared} in time, "
        f"{crossed} while it was in flight; all imported and started again"
    )
    met = f"at least {size.at_least} STOPs were acknowledged while that person's send was in flight ({crossed} were)"
    return Outcome(done, tally, None, {met: crossed >= size.at_least})


async def _write_once_called(scene: Scene, campaign: Campaign, phones: Iterable[str]) -> None:
    """Each of them writes as soon as the ledger says that the slot of their own call has begun."""
    waiting = set(phones)

    async def all_wrote() -> bool:
        for phone in sorted(waiting & await _called(scene, campaign)):
            await scene.write(campaign.channel, phone, "STOP")
            waiting.remove(phone)
        return not waiting

    await until(all_wrote, "everybody who is to write STOP is called", CALLED_WITHIN, longest_pause=LOOK_EVERY)


async def _called(scene: Scene, campaign: Campaign) -> set[str]:
    rows = await scene.rows(
        "SELECT c.phone FROM deliveries d JOIN contacts c ON c.id = d.contact_id "
        "WHERE d.campaign_id = CAST(:id AS uuid) AND d.first_asked_at < clock_timestamp()",
        id=campaign.id,
    )
    return {str(row[0]) for row in rows}


async def _write_around(scene: Scene, campaign: Campaign, chance: Random, phones: Iterable[str]) -> None:
    """Each of them writes at a moment drawn around the one at which their turn should come."""
    last = len(campaign.phones) / RATE
    began = time.monotonic()
    moments = sorted((max(0.0, _turn(campaign, phone) * last + chance.gauss(0, 1.0)), phone) for phone in phones)
    for moment, phone in moments:
        await asyncio.sleep(began + moment - time.monotonic())
        await scene.write(campaign.channel, phone, "STOP")


def _turn(campaign: Campaign, phone: str) -> float:
    """Where in the campaign a person is, 0 to 1."""
    return campaign.phones.index(phone) / len(campaign.phones)


async def _judge(scene: Scene, campaign: Campaign, again: Campaign, stopping: list[str]) -> tuple[Tally, int, int]:
    """Nothing is claimed after the 200 to the STOP, also not when started again; at most what was in flight arrives.

    With it: how many were heard in flight, and how many in time.
    """
    people = {person["phone"]: person for person in await scene.people(campaign.channel)}
    heard = {phone: _acknowledged_at(people[phone]) for phone in stopping}
    claims, calls = await _claims(scene, campaign), await scene.posts(campaign.channel)
    problems = [*_too_late(heard, claims, calls), *_too_much(people, stopping)]
    if second := await _claims(scene, again):
        problems.append(f"{len(second)} messages of the second campaign were claimed")
    suppressed = {str(row[0]) for row in await scene.rows("SELECT phone FROM suppressions")}
    log = await scene.log(campaign.channel)
    doubles = max(repeats(log["by_reference_doubles"]), repeats(log["by_text_doubles"]))
    lost = sum(not people.get(phone, {}).get("received") for phone in campaign.phones if phone not in heard)
    tally = Tally(doubles, lost, (await scene.counts(campaign)).unknown, tuple(problems))
    recorded = {claim.phone: claim.recorded for claim in claims if claim.recorded is not None}
    spared = sum(not people[phone]["received"] for phone in stopping)
    return tally + missing(stopping, suppressed, "opt-outs are"), len(in_flight(heard, calls, recorded)), spared


def _acknowledged_at(person: dict[str, Any]) -> float:
    return float(next(reply["acked_at"] for reply in person["replies"] if reply["stop"]))


def _too_late(heard: Mapping[str, float], claims: Iterable[Claim], calls: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Claims by the ledger, and calls at the platform, that the STOP should have kept from beginning."""
    for claim in claims:
        late = claim.slot - heard.get(claim.phone, claim.slot)
        if late > SLOT_AHEAD_SECONDS:
            yield f"{claim.phone}: claimed {late:.3f} s after the STOP was acknowledged"
    for call in calls:
        late = call["at"] - heard.get(call["phone"], call["at"])
        if late > ON_ITS_WAY_SECONDS:
            yield f"{call['phone']}: the platform was called {late:.2f} s after the STOP was acknowledged"


def _too_much(people: Mapping[str, dict[str, Any]], stopping: Iterable[str]) -> Iterator[str]:
    """Whoever writes STOP gets Message 1 at most, and that once."""
    for phone in stopping:
        received = [which_message(message["text"]) for message in people[phone]["received"]]
        if received not in ([], [1]):
            yield f"{phone}: wrote STOP and was sent the messages {received}"


async def _claims(scene: Scene, campaign: Campaign) -> list[Claim]:
    rows = await scene.rows(
        "SELECT c.phone, extract(epoch FROM d.first_asked_at), extract(epoch FROM d.sent_at) "
        "FROM deliveries d JOIN contacts c ON c.id = d.contact_id "
        "WHERE d.campaign_id = CAST(:id AS uuid) AND d.first_asked_at IS NOT NULL",
        id=campaign.id,
    )
    return [Claim(str(row[0]), float(row[1]), None if row[2] is None else float(row[2])) for row in rows]
