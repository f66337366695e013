"""A channel's rate holds over all its campaigns together, and replies go before bulk (CAM-7)."""

import asyncio
from itertools import pairwise
from uuid import UUID

import pytest

from tests.journeys.house import House
from tests.journeys.platform_log import most_in_any_second

pytestmark = pytest.mark.alone

MICROSECOND = 2e-6
"""What the database's clock tells apart, at both ends of a gap."""

EDGE = 2
"""A second's two edges may both hold a message, and one that came late on busy cores may fall into it."""


async def test_three_campaigns_on_two_channels_keep_each_channels_rate_and_all_finish(house: House) -> None:
    fast, slow = await house.channel(rate=10), await house.channel(rate=5)
    campaigns = await asyncio.gather(
        house.campaign(fast, 20, reply_window_seconds=1),
        house.campaign(fast, 20, reply_window_seconds=1),
        house.campaign(slow, 15, reply_window_seconds=1),
    )

    for campaign in campaigns:
        assert (await house.until_status(campaign, "completed"))["counts"]["no_reply"] == len(campaign.phones)

    for channel, rate, sent in ((fast, 10, 40), (slow, 5, 15)):
        posts = await house.posts(channel)
        assert len(posts) == sent
        assert most_in_any_second(posts) <= rate + EDGE, [post["at"] - posts[0]["at"] for post in posts]
        slots = await house.rows(
            "SELECT first_asked_at FROM deliveries WHERE channel_id = :channel ORDER BY 1", channel=UUID(channel.id)
        )
        gaps = [(later - sooner).total_seconds() for (sooner,), (later,) in pairwise(slots)]
        assert min(gaps) >= 1 / rate - MICROSECOND, "no slot lies closer to the one before than the rate allows"


async def test_campaigns_on_one_channel_share_it_so_that_none_starves(house: House) -> None:
    channel = await house.channel(rate=20)
    large = await house.campaign(channel, 120)
    small = await house.campaign(channel, 5)

    await house.until_count(small, "out", 5)

    asked = [post["phone"] for post in await house.posts(channel)]
    before = asked[: max(asked.index(phone) for phone in small.phones)]
    assert len(set(before) & set(large.phones)) < 120
    await house.command(large, "cancel")


async def test_message_2_leaves_within_two_intervals_while_many_message_1_are_queued(house: House) -> None:
    rate = 1
    channel = await house.channel(rate=rate)
    campaign = await house.campaign(channel, 60, pacing={"delay_seconds": 0, "batch_size": 100})
    await house.until_count(campaign, "out", 5)
    [first, *_] = await house.received(channel)

    replied_at = await house.write(channel, first["phone"], "Yes, tell me more")

    await house.until_count(campaign, "message_2_sent", 1)
    [_, message_2] = await house.received(channel, first["phone"])
    assert message_2["at"] - replied_at <= 2 / rate, message_2["at"] - replied_at
    assert (await house.counts(campaign))["pending"] > 30
    await house.command(campaign, "cancel")
