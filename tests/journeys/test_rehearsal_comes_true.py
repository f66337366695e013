"""What a rehearsal foretells is not beaten by the real run: the same people, and never sooner (CAM-15).

That the real run comes no later either is a matter of speed: `tests/benchmarks/test_rehearsals.py` holds both sides.
"""

from tests.journeys.foretelling import foretold, happened
from tests.journeys.house import House

EARLIEST = 0.95
"""A real run that came earlier than this part of what was foretold would show a rehearsal that is slower than life."""


async def test_delay_and_batches(house: House) -> None:
    channel = await house.channel(rate=50)
    pacing = {"delay_seconds": 0.15, "batch_size": 20, "batch_pause_seconds": 1.5}
    campaign = await house.campaign(channel, 60, start=False, pacing=pacing, reply_window_seconds=3)
    plan = await foretold(house, campaign, reply_share=0.3, reply_after_seconds=1)
    await house.behave(reply_share=0.3, delay={"min_seconds": 0.5, "max_seconds": 1.5})
    await house.command(campaign, "start")
    await house.until_status(campaign, "completed", within=60)
    real = await happened(house, campaign)
    assert real.whole >= EARLIEST * plan.whole, (plan, real)
    assert real.sending >= EARLIEST * plan.sending, (plan, real)


async def test_the_channels_rate(house: House) -> None:
    channel = await house.channel(rate=2)
    pacing = {"delay_seconds": 0, "batch_size": 10}
    campaign = await house.campaign(channel, 20, start=False, pacing=pacing, reply_window_seconds=2)
    plan = await foretold(house, campaign, reply_share=0)
    await house.command(campaign, "start")
    await house.until_status(campaign, "completed", within=60)
    real = await happened(house, campaign)
    assert real.whole >= EARLIEST * plan.whole, (plan, real)
    assert real.sending >= EARLIEST * plan.sending, (plan, real)
