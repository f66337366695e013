"""b: from a person's reply to Message 2, both by the platform's own log, in the situations that may delay it."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from uuid import UUID

import pytest
import pytest_asyncio

from tests.benchmarks.figures import Figures, at_most
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.benchmarks.waiting import waiting_campaign
from tests.journeys.house import Campaign, House, Json
from tests.waiting import until

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(400)]

REPLIES = 100
REPLIES_PER_SECOND = 5.0
WAITING = 5_000
STARTS = 10
BATCHES, LAUNCHED = 3, 1_000
FAST = 100.0
"""A channel that never makes a reply wait for its turn."""
LIMIT_MS = 300.0


@dataclass(frozen=True)
class Waits:
    """Milliseconds from each reply to its Message 2, and from the channel's next turn after the reply to it."""

    total: Sequence[float]
    after_the_turn: Sequence[float]
    last_reply_at: float


def p99(numbers: Sequence[float]) -> float:
    """The ninety-ninth percentile."""
    return quantiles(numbers, n=100, method="inclusive")[98]


async def answered(
    house: House,
    campaign: Campaign,
    repliers: list[str],
    *,
    per_second: float = REPLIES_PER_SECOND,
    within: float = 60.0,
) -> Waits:
    """Lets people reply one after the other and reads from the platform's log when each was answered."""
    written = {}
    begin = time.monotonic()
    for number, phone in enumerate(repliers):
        await asyncio.sleep(begin + number / per_second - time.monotonic())
        written[phone] = await house.write(campaign.channel, phone, "Yes")

    async def answers() -> list[Json]:
        posts = await house.received(campaign.channel)
        return [post for post in posts if post["phone"] in written and post["text"].startswith("Thanks")]

    async def all_answered() -> bool:
        return len(await answers()) >= len(repliers)

    await until(all_answered, "everybody who replied has Message 2", within)
    turns = [post["at"] for post in await house.received(campaign.channel)]
    assert sorted(post["phone"] for post in await answers()) == sorted(repliers)
    assert not await house.doubles(campaign.channel)
    total, after = [], []
    for post in await answers():
        replied_at = written[post["phone"]]
        total.append((post["at"] - replied_at) * 1000)
        after.append((post["at"] - turns[bisect_left(turns, replied_at)]) * 1000)
    return Waits(total, after, max(written.values()))


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """A stack for all of these; the last one leaves it busy."""
    async with running_bench() as bench:
        yield bench


def record(figures: Figures, first: int, case: str, waits: Sequence[float]) -> None:
    """Two rows: the median, and the percentile that has a bound."""
    figures.add(f"b{first}", f"reply → Message 2, {case}: p50", median(waits), "ms")
    figures.add(f"b{first + 1}", f"reply → Message 2, {case}: p99", p99(waits), "ms", bound=at_most(LIMIT_MS))


async def test_reply_to_message_2_while_idle(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    campaign = await waiting_campaign(bench, house, await house.channel(FAST), phones(REPLIES), rate=FAST)
    waits = await answered(house, campaign, campaign.phones)
    record(figures, 1, "idle", waits.total)


async def test_reply_to_message_2_while_5000_wait(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    channel = await house.channel(FAST)
    campaign = await waiting_campaign(bench, house, channel, phones(WAITING), rate=FAST)
    waits = await answered(house, campaign, campaign.phones[:REPLIES])
    record(figures, 3, f"{WAITING:,} waiting", waits.total)


async def test_reply_to_message_2_while_campaigns_are_started(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    campaign = await waiting_campaign(bench, house, await house.channel(FAST), phones(REPLIES), rate=FAST)
    totals: list[float] = []
    for begin in range(0, REPLIES, REPLIES // STARTS):
        other = await house.campaign(await house.channel(1), phones=phones(100, 10_000 + begin), pacing={})
        repliers = campaign.phones[begin : begin + REPLIES // STARTS]
        totals += (await answered(house, campaign, repliers, per_second=10)).total
        await house.command(other, "cancel")
    record(figures, 5, "while a campaign starts", totals)


async def test_reply_to_message_2_while_another_campaign_launches_1000(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    campaign = await waiting_campaign(bench, house, await house.channel(FAST), phones(REPLIES), rate=FAST)
    others = [await launching(house, 10_000 + number * LAUNCHED) for number in range(BATCHES)]
    launch = asyncio.create_task(until(partial(all_launched, house, others), "all are launched", 200))
    over_at: list[float] = []
    launch.add_done_callback(lambda _: over_at.append(time.time()))
    waits = await answered(house, campaign, campaign.phones, per_second=10)
    await launch
    assert over_at[0] > waits.last_reply_at, "the launch was over before the last reply: launch more batches"
    record(figures, 7, f"{BATCHES} batches of {LAUNCHED:,} being launched", waits.total)


async def launching(house: House, first_phone: int) -> Campaign:
    """A campaign that was just started and launches as much at once as is allowed."""
    pacing = {"delay_seconds": 1, "batch_size": LAUNCHED}
    return await house.campaign(await house.channel(1), phones=phones(LAUNCHED, first_phone), pacing=pacing)


async def all_launched(house: House, campaigns: list[Campaign]) -> bool:
    """Whether every contact of them is launched."""
    [[left]] = await house.rows(
        "SELECT count(*) FROM enrollments WHERE tenant_id = :tenant AND campaign_id = ANY(:ids) "
        "AND launched_at IS NULL",
        ids=[UUID(campaign.id) for campaign in campaigns],
    )
    return int(left) == 0
