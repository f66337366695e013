"""A campaign's send window in the running house: outside of it messages wait, inside they go out (CAM-14)."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from temporalio.api.enums.v1 import EventType

from domain.phone_zones import zone_prefix
from tests.journeys.house import Campaign, House
from tests.waiting import until


async def set_window(house: House, campaign: Campaign, opens: datetime) -> None:
    """A window that opens then, to the second."""
    window = {"start": f"{opens:%H:%M:%S}", "end": f"{opens + timedelta(hours=12):%H:%M:%S}", "zone": "UTC"}
    await house.call("PATCH", f"/api/campaigns/{campaign.id}", json={"send_window": window}, expect=200)


async def test_a_campaign_waits_for_its_window_and_then_sends_to_everybody_once(house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 20, start=False, reply_window_seconds=1)
    opens = datetime.now(UTC) + timedelta(seconds=4)
    await set_window(house, campaign, opens)
    await house.command(campaign, "start")

    await house.until_status(campaign, "completed")

    posts = await house.posts(channel)
    assert len(posts) == 20
    assert min(post["at"] for post in posts) >= opens.replace(microsecond=0).timestamp()
    assert await house.doubles(channel) == []


async def test_a_message_that_met_the_closed_window_is_held_with_its_reason_and_released_by_the_clock(
    house: House,
) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, 1, start=False, reply_window_seconds=1)
    [phone] = campaign.phones
    await house.call("POST", f"/api/channels/{channel.id}/pause", expect=200)
    # Open when it is launched, shut when the channel lets it go on, and open again a little later.
    now = datetime.now(UTC)
    shuts, opens = now + timedelta(seconds=5), now + timedelta(seconds=24)
    window = {"start": f"{opens:%H:%M:%S}", "end": f"{shuts:%H:%M:%S}", "zone": "UTC"}
    await house.call("PATCH", f"/api/campaigns/{campaign.id}", json={"send_window": window}, expect=200)
    await house.command(campaign, "start")
    await house.until_count(campaign, "held", 1)
    await asyncio.sleep((shuts - datetime.now(UTC)).total_seconds())  # the wall's clock is what is tried here
    await house.call("POST", f"/api/channels/{channel.id}/resume", expect=200)

    async def waits_for_the_window() -> bool:
        contact = await house.contact(campaign, phone)
        return bool(contact["held"]) and "send window" in (contact["reason"] or "")

    await until(waits_for_the_window, "held by the campaign's window")
    assert await house.posts(channel) == []
    await house.until_status(campaign, "completed", within=60)
    [post] = await house.posts(channel)
    assert post["at"] >= opens.replace(microsecond=0).timestamp()
    history = await (await house.enrollment(campaign, phone)).fetch_history()
    timers = [event for event in history.events if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    assert len(timers) == 2, "one for the window, one for the reply"


async def test_contacts_whose_night_it_is_do_not_hold_the_others_back(house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 8, start=False, pacing={"delay_seconds": 0, "batch_size": 2})
    asleep = campaign.phones[:4]
    # Their phones are French like all of the house's; in the line they stand as numbers of Lord Howe Island.
    await house.rows(
        "UPDATE enrollments e SET dial_prefix = :prefix FROM contacts c WHERE c.id = e.contact_id "
        "AND c.tenant_id = e.tenant_id AND e.tenant_id = :tenant AND c.phone = ANY(:phones) RETURNING 1",
        prefix=zone_prefix("+61255053123"),
        phones=asleep,
    )
    paris = datetime.now(ZoneInfo("Europe/Paris"))
    window = {"start": f"{paris - timedelta(hours=1):%H:%M}", "end": f"{paris + timedelta(hours=1):%H:%M}"}
    await house.call("PATCH", f"/api/campaigns/{campaign.id}", json={"send_window": window}, expect=200)
    await house.command(campaign, "start")

    await house.until_count(campaign, "out", 4)

    received = {post["phone"] for post in await house.received(channel)}
    assert received == set(campaign.phones[4:])
    assert (await house.counts(campaign))["pending"] == 4
    cancelled = await house.command(campaign, "cancel")
    assert cancelled["stopped"] == 4
