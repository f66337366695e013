"""a: how exactly a channel's rate is kept, judged by the platform's log."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from statistics import median

import pytest
import pytest_asyncio

from tests.benchmarks.figures import Figures, at_least, at_most
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.journeys.house import Campaign, Channel, House, Json
from tests.journeys.platform_log import most_in_any_second

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(170)]

MESSAGES = 300
RATE = 10.0
SHARERS = 3
CHANNELS = 50
SLOWEST, FASTEST = 0.1, 0.5
"""Messages a second of the fifty channels: 15/s all together, which two cores can do."""
SPREAD_SECONDS = 30.0
LIMIT = 1.01
SHORTEST_GAP = 0.95


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """A stack for these."""
    async with running_bench() as bench:
        yield bench


def stretch(posts: list[Json], rate: float) -> float:
    """From the first message to the last, over the time that the rate allows for so many."""
    times: list[float] = [post["at"] for post in posts]
    return (max(times) - min(times)) / ((len(times) - 1) / rate)


def smallest_gap(posts: list[Json], rate: float) -> float:
    """The shortest time between two messages, in intervals of the rate."""
    times: list[float] = sorted(post["at"] for post in posts)
    return min(later - earlier for earlier, later in pairwise(times)) * rate


def paced(rate: float) -> Json:
    """A campaign that would send at this rate by itself."""
    return {"delay_seconds": 1 / rate, "batch_size": 50}


async def sent(house: House, channel: Channel, campaigns: list[Campaign]) -> list[Json]:
    """The channel's log once all Message 1 of these campaigns are out, one each."""
    for campaign in campaigns:
        await house.until_count(campaign, "out", len(campaign.phones), within=150)
    posts = await house.posts(channel)
    assert sorted(post["phone"] for post in posts) == sorted(phone for each in campaigns for phone in each.phones)
    return posts


async def test_300_messages_at_10_a_second(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    channel = await house.channel(RATE)
    campaign = await house.campaign(
        channel, phones=phones(MESSAGES), start=False, pacing=paced(RATE), reply_window_seconds=86_400
    )
    begin = time.time()
    await house.command(campaign, "start")
    posts = await sent(house, channel, [campaign])
    last = max(post["at"] for post in posts)
    case = f"{MESSAGES} messages at {RATE:g}/s"
    figures.add("a1", f"{case}: first to last, over the ideal", stretch(posts, RATE), bound=at_most(LIMIT))
    figures.add("a2", f"{case}: most in any second", most_in_any_second(posts), bound=at_most(RATE + 1))
    figures.add("a3", f"{case}: start to last", last - begin, "s", ("ideal", MESSAGES / RATE))


async def test_three_campaigns_on_one_channel(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    channel = await house.channel(RATE)
    campaigns = [
        await house.campaign(
            channel,
            phones=phones(MESSAGES // SHARERS, number * 1000),
            start=False,
            pacing=paced(RATE),
            reply_window_seconds=86_400,
        )
        for number in range(SHARERS)
    ]
    begin = time.time()
    await asyncio.gather(*(house.command(campaign, "start") for campaign in campaigns))
    posts = await sent(house, channel, campaigns)
    last = max(post["at"] for post in posts)
    case = f"{SHARERS} campaigns share {RATE:g}/s"
    figures.add("a4", f"{case}: first to last, over the ideal", stretch(posts, RATE), bound=at_most(LIMIT))
    figures.add("a5", f"{case}: most in any second", most_in_any_second(posts), bound=at_most(RATE + 1))
    figures.add("a6", f"{case}: start to last", last - begin, "s", ("ideal", MESSAGES / RATE))


async def test_50_channels_with_different_rates(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    rates = [SLOWEST + (FASTEST - SLOWEST) * number / (CHANNELS - 1) for number in range(CHANNELS)]
    channels = [await house.channel(rate) for rate in rates]
    campaigns = [
        await house.campaign(
            channel,
            phones=phones(1 + round(rate * SPREAD_SECONDS), number * 100),
            start=False,
            pacing=paced(rate),
            reply_window_seconds=86_400,
        )
        for number, (channel, rate) in enumerate(zip(channels, rates, strict=True))
    ]
    await asyncio.gather(*(house.command(campaign, "start") for campaign in campaigns))
    logs = [await sent(house, channel, [campaign]) for channel, campaign in zip(channels, campaigns, strict=True)]
    stretches = [stretch(posts, rate) for posts, rate in zip(logs, rates, strict=True)]
    gaps = [smallest_gap(posts, rate) for posts, rate in zip(logs, rates, strict=True)]
    case = f"{CHANNELS} channels, {sum(rates):.0f}/s together"
    figures.add("a7", f"{case}: first to last, over the ideal, slowest", max(stretches), bound=at_most(LIMIT))
    figures.add("a8", f"{case}: the same, median", median(stretches), bound=at_most(LIMIT))
    figures.add("a9", f"{case}: shortest gap, in intervals", min(gaps), bound=at_least(SHORTEST_GAP))
