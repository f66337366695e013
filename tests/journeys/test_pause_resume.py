"""Pausing, resuming and cancelling a campaign while it sends (CAM-10)."""

import asyncio
import time
from uuid import UUID

import pytest

from activities.deliveries import CONFIRM_LEAD_SECONDS, FRESH_SECONDS
from tests.journeys.chance import seeded
from tests.journeys.house import Campaign, House
from tests.waiting import until

UNSEEN_SECONDS = FRESH_SECONDS + CONFIRM_LEAD_SECONDS
"""A slot further away than this is looked at once more when it comes."""


async def until_all_are_held(house: House, campaign: Campaign) -> None:
    """Waits until every contact that was launched and has no Message 1 is held, so that nothing moves any more.

    A claim that a busy process could not use in time passes through `unknown` until the platform was asked.
    """

    async def still() -> bool:
        moving = await house.rows(
            "SELECT 1 FROM enrollments WHERE tenant_id = :tenant AND campaign_id = :id AND closed_at IS NULL "
            "AND launched_at IS NOT NULL AND status IN ('pending', 'sending', 'unknown') AND NOT held LIMIT 1",
            id=UUID(campaign.id),
        )
        return moving == []

    await until(still, "all that was launched is held")


async def slots_after(house: House, campaign: Campaign, instant: float) -> list[float]:
    """How many seconds after an instant the slots lie of the messages that reached the platform after it.

    Who looked at the campaign before it was paused may call after it, on a busy machine long after; but only on a slot
    that was so near that nobody looks once more.
    """
    late = {post["phone"] for post in await house.posts(campaign.channel, since=instant)}
    slots = await house.rows(
        "SELECT c.phone, extract(epoch FROM d.first_asked_at) FROM deliveries d JOIN contacts c ON c.id = d.contact_id "
        "WHERE d.tenant_id = :tenant AND d.channel_id = :channel AND d.first_asked_at IS NOT NULL",
        channel=UUID(campaign.channel.id),
    )
    found = {phone: float(slot) - instant for phone, slot in slots}
    return [found[phone] for phone in late]


@pytest.mark.parametrize(
    ("people", "rate", "longest"),
    [
        pytest.param(120, 3, 0.06, id="120"),
        pytest.param(1000, 12, 0.6, id="1000", marks=[pytest.mark.drill, pytest.mark.timeout(300)]),
    ],
)
async def test_fifty_pauses_and_resumes_send_to_each_contact_exactly_once(
    house: House, people: int, rate: float, longest: float
) -> None:
    chance = seeded()
    channel = await house.channel(rate=rate)  # slow enough that the pauses of a busy machine still meet it under way
    campaign = await house.campaign(
        channel, people, reply_window_seconds=1, pacing={"delay_seconds": 0.01, "batch_size": 40}
    )

    for _ in range(50):
        await asyncio.sleep(chance.uniform(0, longest))
        await house.command(campaign, "pause")
        await asyncio.sleep(chance.uniform(0, longest * 2 / 3))
        await house.command(campaign, "resume")
    out = (await house.counts(campaign))["out"]
    assert out < people, "the campaign was to be under way all the time"
    await house.call("PATCH", f"/api/channels/{channel.id}", json={"rate_per_second": 50}, expect=200)

    counts = (await house.until_status(campaign, "completed", within=200))["counts"]
    assert counts["sent"] == people
    assert await house.doubles(channel) == []
    assert sorted(post["phone"] for post in await house.posts(channel)) == sorted(campaign.phones)


async def test_a_pause_takes_effect_at_once_and_holds_until_the_resume(house: House) -> None:
    channel = await house.channel(rate=5)  # slow enough that the pause of a busy machine still meets it under way
    campaign = await house.campaign(channel, 60, pacing={"delay_seconds": 0, "batch_size": 60})
    await house.until_count(campaign, "out", 4)

    await house.command(campaign, "pause")
    answered_at = time.time()

    await until_all_are_held(house, campaign)
    paused = await house.show(campaign)
    assert paused["status"] == "paused"
    assert paused["paused_reason"] == "Paused by an operator."
    assert max(await slots_after(house, campaign, answered_at), default=0.0) <= UNSEEN_SECONDS
    reached = len(await house.received(channel))
    assert reached < 60
    assert paused["counts"]["pending"] == 60 - reached, str(paused["counts"])

    await house.call("PATCH", f"/api/channels/{channel.id}", json={"rate_per_second": 50}, expect=200)
    await house.command(campaign, "resume")
    await house.until_count(campaign, "out", 60)
    assert await house.doubles(channel) == []


async def test_a_cancel_says_how_many_it_stopped_and_nothing_goes_out_afterwards(house: House) -> None:
    channel = await house.channel(rate=5)
    campaign = await house.campaign(channel, 60, pacing={"delay_seconds": 0.02, "batch_size": 20})
    await house.until_count(campaign, "out", 4)

    answer = await house.command(campaign, "cancel")
    answered_at = time.time()

    await house.workflow(campaign).result()

    async def none_runs() -> bool:
        open_ones = f'RelanceCampaign = "{campaign.id}" AND ExecutionStatus = "Running"'
        return (await house.client.count_workflows(open_ones)).count == 0

    await until(none_runs, "every workflow of the campaign has ended")
    counts = await house.counts(campaign)
    assert counts["cancelled"] == 60 - counts["out"]
    assert counts["cancelled"] > 0
    assert max(await slots_after(house, campaign, answered_at), default=0.0) <= UNSEEN_SECONDS
    # What had a slot just then, and was told at it that the campaign is cancelled, could not be counted yet.
    [[told_at_its_slot]] = await house.rows(
        "SELECT count(*) FROM enrollments e WHERE e.tenant_id = :tenant AND e.campaign_id = :id "
        "AND e.status = 'cancelled' AND EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant_id = :tenant "
        "AND d.campaign_id = :id AND d.contact_id = e.contact_id AND d.first_asked_at IS NOT NULL)",
        id=UUID(campaign.id),
    )
    assert answer["stopped"] <= counts["cancelled"] <= answer["stopped"] + told_at_its_slot
    await house.command(campaign, "resume", expect=409)
    await house.command(campaign, "cancel", expect=409)


async def test_pausing_between_message_1_and_the_reply_holds_message_2_until_the_resume(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)
    await house.command(campaign, "pause")

    await house.write(channel, phone, "Yes")

    async def held() -> bool:
        waiting = await house.call("GET", "/api/deliveries", params={"status": "held"}, expect=200)
        return len(waiting["items"]) == 1

    await until(held, "Message 2 held")
    assert len(await house.texts(channel, phone)) == 1
    await house.command(campaign, "resume")
    await house.until_count(campaign, "message_2_sent", 1)
