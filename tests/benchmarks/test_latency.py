"""b: from a person's reply to Message 2, both by the platform's own log, in the situations that may delay it."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import pytest
import pytest_asyncio

from cli.stack.stack import ALL_PARTS
from tests.benchmarks.figures import Figures, at_most
from tests.benchmarks.programs import module, running_program
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.benchmarks.waiting import waiting_campaign
from tests.journeys.house import Campaign, Channel, House
from tests.waiting import until

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(400)]

REPLIES = 100
REPLIES_PER_SECOND = 5.0
WAITING = 5_000
QUEUED = 500
LAUNCHED = 1_000
FAST = 100.0
"""A channel that never makes a reply wait for its turn."""
BUSY = 10.0
"""The rate of the channel on which the others are queued."""
LIMIT_MS = 300.0


@dataclass(frozen=True)
class Waits:
    """Milliseconds from each reply to its Message 2, and from the channel's next turn after the reply to it."""

    total: Sequence[float]
    after_the_turn: Sequence[float]


def p99(numbers: Sequence[float]) -> float:
    """The ninety-ninth percentile."""
    return quantiles(numbers, n=100, method="inclusive")[98]


async def answered(house: House, campaign: Campaign, repliers: list[str], within: float = 60.0) -> Waits:
    """Lets people reply one after the other and reads from the platform's log when each was answered."""
    written = {}
    begin = time.monotonic()
    for number, phone in enumerate(repliers):
        await asyncio.sleep(begin + number / REPLIES_PER_SECOND - time.monotonic())
        written[phone] = await house.write(campaign.channel, phone, "Yes")
    await house.until_count(campaign, "message_2_sent", len(repliers), within)
    posts = await house.received(campaign.channel)
    turns = [post["at"] for post in posts]
    answers = [post for post in posts if post["phone"] in written and post["text"].startswith("Thanks")]
    assert sorted(post["phone"] for post in answers) == sorted(repliers)
    assert not await house.doubles(campaign.channel)
    total, after = [], []
    for post in answers:
        replied_at = written[post["phone"]]
        total.append((post["at"] - replied_at) * 1000)
        after.append((post["at"] - turns[bisect_left(turns, replied_at)]) * 1000)
    return Waits(total, after)


async def queue(house: House, channel: Channel) -> Campaign:
    """A campaign on the channel of which so many Message 1 are launched and wait for their turn."""
    size = QUEUED + int(REPLIES / REPLIES_PER_SECOND * BUSY)
    campaign = await house.campaign(
        channel, phones=phones(size, 20_000), pacing={"delay_seconds": 0, "batch_size": 1000}
    )

    async def queued() -> bool:
        [[waiting]] = await house.rows(
            "SELECT count(*) FROM enrollments WHERE tenant_id = :tenant AND campaign_id = :id AND status = 'pending' "
            "AND launched_at IS NOT NULL",
            id=campaign.id,
        )
        return int(waiting) >= QUEUED

    await until(queued, f"{QUEUED} Message 1 are queued", 90)
    return campaign


async def answered_beside_the_queue(bench: Bench) -> Waits:
    """Replies to a campaign on whose channel another one's Message 1 are queued."""
    house = await bench.house()
    channel = await house.channel(BUSY)
    campaign = await waiting_campaign(bench, house, channel, phones(REPLIES))
    bulk = await queue(house, channel)
    waits = await answered(house, campaign, campaign.phones, within=150)
    await house.command(bulk, "cancel")
    return waits


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """A stack for all cases but the one with another worker."""
    async with running_bench() as bench:
        yield bench


def record(figures: Figures, first: int, case: str, waits: Sequence[float]) -> None:
    """Two rows: the median, and the percentile that has a bound."""
    figures.add(f"b{first}", f"reply → Message 2, {case}: p50", median(waits), "ms")
    figures.add(f"b{first + 1}", f"reply → Message 2, {case}: p99", p99(waits), "ms", bound=at_most(LIMIT_MS))


async def test_reply_to_message_2_while_idle(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    campaign = await waiting_campaign(bench, house, await house.channel(FAST), phones(REPLIES))
    waits = await answered(house, campaign, campaign.phones)
    record(figures, 1, "idle", waits.total)


async def test_reply_to_message_2_while_5000_wait(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    channel = await house.channel(FAST)
    campaign = await waiting_campaign(bench, house, channel, phones(WAITING))
    waits = await answered(house, campaign, campaign.phones[:REPLIES])
    record(figures, 3, f"{WAITING:,} waiting", waits.total)


async def test_reply_to_message_2_while_another_campaign_launches(figures: Figures, bench: Bench) -> None:
    house = await bench.house()
    campaign = await waiting_campaign(bench, house, await house.channel(FAST), phones(REPLIES))
    other = await house.campaign(
        await house.channel(FAST),
        phones=phones(LAUNCHED, 10_000),
        start=False,
        pacing={"delay_seconds": 1, "batch_size": 1000},
    )
    await house.command(other, "start")
    waits = await answered(house, campaign, campaign.phones)
    record(figures, 5, f"{LAUNCHED:,} being launched", waits.total)
    await house.command(other, "cancel")


async def test_reply_to_message_2_while_500_message_1_are_queued(figures: Figures, bench: Bench) -> None:
    ours = await answered_beside_the_queue(bench)
    async with running_bench(set(ALL_PARTS) - {"worker"}) as other:
        log = other.stack.data_dir / "logs" / "worker.log"
        command = module("tests.benchmarks.no_priority_worker")
        async with running_program(*command, environment=other.stack.environment, log=log):
            plain = await answered_beside_the_queue(other)
    case = f"reply → Message 2, {QUEUED} queued at {BUSY:g}/s"
    without = "without priority"
    intervals = at_most(2 / BUSY * 1000)
    figures.add("b7", f"{case}: p50", median(ours.total), "ms", (without, median(plain.total)))
    figures.add("b8", f"{case}: p99", p99(ours.total), "ms", (without, p99(plain.total)), intervals)
    figures.add(
        "b9",
        f"{case}: p99 after the channel's next turn",
        p99(ours.after_the_turn),
        "ms",
        (without, p99(plain.after_the_turn)),
        at_most(LIMIT_MS),
    )
