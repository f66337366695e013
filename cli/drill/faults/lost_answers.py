"""F03: the platform takes messages and the answer gets lost, in every way in which an answer can."""

from functools import partial
from math import isfinite
from random import Random
from typing import Any

from cli.drill.accounts import Campaign
from cli.drill.judgement import resent_unasked, settle_seconds
from cli.drill.outcome import Outcome, Tally
from cli.drill.scene import Scene
from cli.drill.waiting import until

RATE = 40.0
SHARE = 10
"""One in ten, and one of every ten in a row: a run of bad luck would rightly trip the campaign's breaker."""

PACING = {"max_delay_seconds": 1 / RATE}
"""One error in ten is more than the adaptive delay bears (5 %): without this bound it would slow to 1 message/s."""

SETTLE_WITHIN = 60.0
OUT_WITHIN = 400.0
WAYS: list[dict[str, Any]] = [
    {"kind": "timeout", "seconds": 8},
    {"kind": "accept_then_drop"},
    {"kind": "accept_then_drop", "reset": True},
    {"kind": "accept_then_reset_body"},
    {"kind": "accept_then_502"},
    {"kind": "drop_before", "reset": True},
    {"kind": "not_accept_timeout", "seconds": 8},
]


async def run(scene: Scene, chance: Random, short: bool) -> Outcome:
    """Every tenth first call loses its answer; some more do so at a platform that cannot be asked.

    Of these there are four for each account: a fifth in a row without an answer would rightly open its breaker.
    """
    people, accounts, each_blind = (40, 1, 2) if short else (2000, 5, 4)
    blind = accounts * each_blind
    await scene.behave()
    channel, phones = await scene.channel(RATE), scene.new_phones(people)
    silent = [await scene.channel(5.0) for _ in range(accounts)]
    lossy = [chance.choice(phones[place : place + SHARE]) for place in range(0, people, SHARE)]
    await scene.fault(
        *({**chance.choice(WAYS), "match": {"phone": phone, "first_attempts": 1}} for phone in lossy),
        *({"kind": "accept_then_drop", "match": {"device": one.device, "first_attempts": 1}} for one in silent),
        *({"kind": "error", "on": "lookup", "match": {"device": one.device}} for one in silent),
    )
    campaign = await scene.campaign(channel, phones, window=1, pacing=PACING)
    others = [await scene.campaign(one, scene.new_phones(each_blind), window=1) for one in silent]
    for other in others:
        listed = partial(_listed, scene, other, each_blind)
        await until(listed, f"{each_blind} deliveries of unknown outcome are listed", 60)
    await scene.until_out(campaign, people, OUT_WITHIN)
    await scene.fault()
    tally = Tally()
    for each in (campaign, *others):
        await scene.until_over(each)
        tally += await _judge(scene, each)
    unknown = await _unknown_for(scene, campaign)
    longest = max(unknown.values(), default=0.0)
    done = f"{people} sends, {len(lossy)} of them lost their answer; {blind} more where the platform cannot be asked"
    conditions = {
        f"all {len(lossy)} were of unknown outcome for a while ({len(unknown)} were)": set(lossy) <= unknown.keys(),
        f"each was settled within {SETTLE_WITHIN:g} s (the slowest took {longest:.1f} s)": longest <= SETTLE_WITHIN,
    }
    return Outcome(done, tally, longest if isfinite(longest) else None, conditions)


async def _judge(scene: Scene, campaign: Campaign) -> Tally:
    lookups = await scene.control("GET", "lookups")
    blind = resent_unasked(await scene.posts(campaign.channel), lookups)
    words = (f"{len(blind)} messages were sent again without asking, first {blind[0]}",) if blind else ()
    return await scene.judge(campaign) + Tally(problems=words)


async def _unknown_for(scene: Scene, campaign: Campaign) -> dict[str, float]:
    """By phone, for how long the outcome of each message was unknown at the longest.

    The log gives a message that a look-up found the moment at which the platform took it, which is before its answer
    was lost; when that became known is told by the row of the message, made in the same transaction.
    """
    rows = await scene.rows(
        "SELECT c.phone, l.status, extract(epoch FROM greatest(l.executed_at, m.created_at)) FROM action_log l "
        "JOIN contacts c ON c.id = l.contact_id "
        "LEFT JOIN messages m ON m.tenant_id = l.tenant_id AND m.delivery_id = l.delivery_id AND l.status = 'sent' "
        "WHERE l.campaign_id = CAST(:id AS uuid) ORDER BY l.id",
        id=campaign.id,
    )
    return settle_seconds((str(row[0]), str(row[1]), float(row[2])) for row in rows)


async def _listed(scene: Scene, campaign: Campaign, number: int) -> bool:
    asked = {"status": "unknown", "campaign_id": campaign.id, "limit": 100}
    page = await scene.call("GET", "/api/deliveries", params=asked)
    return len(page["items"]) == number
