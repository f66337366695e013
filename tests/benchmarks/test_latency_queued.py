"""b: from a reply to Message 2 on a channel whose turns are all taken by bulk, with priority and without."""

from statistics import median
from uuid import UUID

import pytest

from cli.stack.stack import ALL_PARTS
from tests.benchmarks.figures import Figures, at_most
from tests.benchmarks.programs import module, running_program
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.benchmarks.test_latency import LIMIT_MS, REPLIES, REPLIES_PER_SECOND, Waits, answered, p99
from tests.benchmarks.waiting import waiting_campaign
from tests.journeys.house import Campaign, Channel, House
from tests.waiting import until

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

QUEUED = 500
BUSY = 10.0
"""The channel's rate."""


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
            id=UUID(campaign.id),
        )
        return int(waiting) >= QUEUED

    await until(queued, f"{QUEUED} Message 1 are queued", 90)
    return campaign


async def answered_beside_the_queue(bench: Bench) -> Waits:
    """Replies to a campaign on whose channel another one's Message 1 are queued."""
    house = await bench.house()
    channel = await house.channel(BUSY)
    campaign = await waiting_campaign(bench, house, channel, phones(REPLIES), rate=BUSY)
    bulk = await queue(house, channel)
    waits = await answered(house, campaign, campaign.phones, within=150)
    await house.command(bulk, "cancel")
    return waits


async def test_reply_to_message_2_while_500_message_1_are_queued(figures: Figures) -> None:
    async with running_bench() as bench:
        ours = await answered_beside_the_queue(bench)
    async with running_bench(set(ALL_PARTS) - {"worker"}) as other:
        log = other.stack.data_dir / "logs" / "worker.log"
        command = module("tests.benchmarks.no_priority_worker")
        async with running_program(*command, environment=other.stack.environment, log=log):
            plain = await answered_beside_the_queue(other)
    case = f"reply → Message 2, {QUEUED} queued at {BUSY:g}/s"
    without = "without priority"
    intervals = at_most(2 / BUSY * 1000)
    figures.add("b9", f"{case}: p50", median(ours.total), "ms", (without, median(plain.total)))
    figures.add("b10", f"{case}: p99", p99(ours.total), "ms", (without, p99(plain.total)), intervals)
    figures.add(
        "b11",
        f"{case}: p99 after the channel's next turn",
        p99(ours.after_the_turn),
        "ms",
        (without, p99(plain.after_the_turn)),
        at_most(LIMIT_MS),
    )
