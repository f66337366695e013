"""What a channel's platform may do to its work: refuse the key, go away, ask to slow down."""

import time

import pytest

from tests.journeys.house import Channel, House
from tests.journeys.platform_log import most_in_any_second, within
from tests.waiting import until

pytestmark = pytest.mark.alone


async def channel_status(house: House, channel: Channel) -> str:
    """The channel's state as the API shows it."""
    return str((await house.call("GET", f"/api/channels/{channel.id}", expect=200))["status"])


async def test_work_is_parked_while_the_key_is_refused_and_released_with_a_new_one(house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 20, reply_window_seconds=1)
    await house.until_count(campaign, "out", 5)

    await house.control("POST", "revoke", json={"token": channel.token})

    async def parked() -> bool:
        counts = await house.counts(campaign)
        return counts["held"] == counts["pending"] > 0 and counts["sending"] == 0

    await until(parked, "the rest is parked")
    assert await channel_status(house, channel) == "credentials_expired"
    assert (await house.show(campaign))["status"] == "running"
    refused = [post for post in await house.posts(channel) if post["status"] == 401]
    assert len(refused) <= 5, "the refusal of one message must stop the others"

    await house.control("POST", "restore", json={"token": channel.token})
    renewed = {"credentials": {"token": f"{channel.token}-new", "device_id": channel.device}}
    await house.call("PATCH", f"/api/channels/{channel.id}", json=renewed, expect=200)

    done = await house.until_status(campaign, "completed")
    assert done["counts"]["sent"] == 20
    assert await house.doubles(channel) == []


async def test_a_platform_that_is_down_meets_no_storm_and_everything_goes_out_afterwards(house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(
        channel, 40, reply_window_seconds=1, pacing={"delay_seconds": 0.05, "batch_size": 100}
    )
    await house.until_count(campaign, "out", 5)

    down_at = time.time()
    await house.control("POST", "down", json={"seconds": 3, "mode": "close"})
    await house.until_count(campaign, "out", 40)
    posts_while_down = within(await house.posts(channel), down_at, down_at + 3)
    assert len(posts_while_down) <= 10, "the breaker opens within ten failures"
    assert len(await house.received(channel)) == 40
    assert await house.doubles(channel) == []
    back = [post for post in await house.posts(channel) if post["at"] > down_at + 3]
    assert most_in_any_second(back) <= 20 + 2, "no burst after the recovery"
    await house.until_status(campaign, "completed")


async def test_nobody_calls_a_platform_that_asked_to_wait_before_its_time(house: House) -> None:
    channel = await house.channel(rate=20)
    await house.fault({"kind": "throttle", "retry_after": 2, "match": {"device": channel.device, "next_n": 1}})
    campaign = await house.campaign(channel, 10, reply_window_seconds=1)

    done = await house.until_status(campaign, "completed")

    assert done["counts"]["sent"] == 10
    posts = await house.posts(channel)
    [throttled] = [post for post in posts if post["status"] == 429]
    # Those that were on their way when the answer came could not know of it.
    answered_at = throttled["at"] + 0.3
    assert within(posts, answered_at, throttled["at"] + 2) == []
    assert await house.doubles(channel) == []


async def test_a_channel_paused_by_a_person_holds_its_work_until_it_is_resumed(house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 20, reply_window_seconds=1)
    await house.until_count(campaign, "out", 3)

    await house.call("POST", f"/api/channels/{channel.id}/pause", expect=200)

    async def parked() -> bool:
        counts = await house.counts(campaign)
        return counts["held"] == counts["pending"] > 0 and counts["sending"] == 0

    await until(parked, "the rest is parked")
    await house.call("POST", f"/api/channels/{channel.id}/resume", expect=200)
    assert (await house.until_status(campaign, "completed"))["counts"]["sent"] == 20
