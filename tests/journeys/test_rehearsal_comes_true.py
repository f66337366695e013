"""What a rehearsal foretells happens: the same campaign rehearsed, then run for real on the simulator (CAM-15)."""

from datetime import datetime
from uuid import UUID

import pytest

from rehearsal.apart import rehearsed
from rehearsal.facts import Assumptions, Brief, CampaignFacts
from tests.journeys.house import Campaign, House

CLOSE = 0.05


async def foretold(house: House, campaign: Campaign, **people: float) -> tuple[float, float]:
    """The length of the campaign and of its sending, in seconds, by rehearsal."""
    facts = await house.call("GET", f"/api/campaigns/{campaign.id}/rehearsal-facts", expect=200)
    brief = Brief(campaign=CampaignFacts.model_validate(facts), assumptions=Assumptions.model_validate(people))
    result = await rehearsed(brief)
    assert result.message_1 == len(campaign.phones)
    assert result.first_message_at is not None
    assert result.last_message_1_at is not None
    return result.duration_seconds, (result.last_message_1_at - result.first_message_at).total_seconds()


async def happened(house: House, campaign: Campaign) -> tuple[float, float]:
    """The same of the real run, by the engine's own records."""
    started, ended = (
        await house.rows("SELECT started_at, ended_at FROM campaigns WHERE id = :id", id=UUID(campaign.id))
    )[0]
    posts = [post for post in await house.received(campaign.channel) if post["text"].startswith("Hello")]
    at = sorted(post["at"] for post in posts)
    assert isinstance(started, datetime)
    return (ended - started).total_seconds(), at[-1] - at[0]


async def test_delay_and_batches(house: House) -> None:
    channel = await house.channel(rate=50)
    pacing = {"delay_seconds": 0.15, "batch_size": 40, "batch_pause_seconds": 1.5}
    campaign = await house.campaign(channel, 120, start=False, pacing=pacing, reply_window_seconds=4)
    plan, sending = await foretold(house, campaign, reply_share=0.3, reply_after_seconds=1)
    await house.behave(reply_share=0.3, delay={"min_seconds": 0.5, "max_seconds": 1.5})

    await house.command(campaign, "start")
    await house.until_status(campaign, "completed", within=60)

    real, sent = await happened(house, campaign)
    told = f"foretold {plan:.2f} s, {sending:.2f} s of sending; came {real:.2f} s, {sent:.2f} s"
    assert plan == pytest.approx(real, rel=CLOSE), told
    assert sending == pytest.approx(sent, rel=CLOSE), told


async def test_the_channels_rate(house: House) -> None:
    channel = await house.channel(rate=1)
    pacing = {"delay_seconds": 0, "batch_size": 10}
    campaign = await house.campaign(channel, 24, start=False, pacing=pacing, reply_window_seconds=3)
    plan, sending = await foretold(house, campaign, reply_share=0)

    await house.command(campaign, "start")
    await house.until_status(campaign, "completed", within=60)

    real, sent = await happened(house, campaign)
    told = f"foretold {plan:.2f} s, {sending:.2f} s of sending; came {real:.2f} s, {sent:.2f} s"
    assert plan == pytest.approx(real, rel=CLOSE), told
    assert sending == pytest.approx(sent, rel=CLOSE), told
