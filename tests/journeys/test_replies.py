"""A contact's campaign from Message 1 to its end, in every order that a reply can take."""

import asyncio
import time

import pytest

from db.inbound import mark_processed, process_event, store_event
from domain.inbound import IncomingEvent, TextFact
from tests.journeys.chance import seeded
from tests.journeys.house import Campaign, House, new_phones
from tests.waiting import until

FIRST, SECOND = "Hello N0", "Thanks N0, here is more."


async def until_recorded(house: House, campaign: Campaign, replies: int) -> None:
    """Waits until so many replies are on record."""

    async def there() -> bool:
        return len(await house.interactions(campaign)) >= replies

    await until(there, f"{replies} replies recorded")


async def test_a_reply_in_time_gets_message_2(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)

    await house.write(channel, phone, "Yes please")

    await house.until_count(campaign, "message_2_sent", 1)
    assert await house.texts(channel, phone) == [FIRST, SECOND]
    done = await house.until_status(campaign, "completed")
    assert done["counts"]["replied"] == 1
    assert done["counts"]["no_reply"] == 0


async def test_no_reply_ends_without_message_2(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, reply_window_seconds=1)

    done = await house.until_status(campaign, "completed")

    assert done["counts"]["no_reply"] == 1
    assert done["counts"]["message_2_sent"] == 0
    assert len(await house.received(channel)) == 1


async def test_a_late_reply_is_recorded_and_opens_nothing(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, reply_window_seconds=1)
    [phone] = campaign.phones
    await house.until_status(campaign, "completed")

    await house.write(channel, phone, "Sorry, only saw it now")

    await until_recorded(house, campaign, 1)
    assert await house.interactions(campaign) == [(False, "after the reply window")]
    assert (await house.counts(campaign))["replied"] == 0
    assert await house.texts(channel, phone) == [FIRST]


@pytest.mark.alone
async def test_a_reply_while_message_1_is_in_flight_counts_once_it_is_sent(house: House) -> None:
    channel = await house.channel()
    [phone] = phones = new_phones(1)
    await house.fault({"kind": "accept_then_delay", "seconds": 1.5, "match": {"phone": phone, "next_n": 1}})
    campaign = await house.campaign(channel, phones=phones)

    async def at_the_platform() -> bool:
        return await house.texts(channel, phone) == [FIRST]

    await until(at_the_platform, "Message 1 at the platform")
    await house.write(channel, phone, "That was quick")
    await until_recorded(house, campaign, 1)
    assert (await house.contact(campaign, phone))["status"] == "sending"

    await house.until_status(campaign, "completed")
    assert await house.texts(channel, phone) == [FIRST, SECOND]
    assert await house.interactions(campaign) == [(True, None)]


@pytest.mark.alone
async def test_a_receipt_and_a_reply_that_overtake_the_answer_of_message_1_count(house: House) -> None:
    late = 2.5  # within the send timeout of 3 s
    at_once = {"min_seconds": 0, "max_seconds": 0}
    await house.behave(receipts={"delay": at_once, "delivered_share": 0.0})
    channel = await house.channel()
    [phone] = phones = new_phones(1)
    await house.fault({"kind": "accept_then_delay", "seconds": late, "match": {"phone": phone, "next_n": 1}})
    campaign = await house.campaign(channel, phones=phones)

    await house.until_count(campaign, "sent", 1)
    [post] = await house.posts(channel)
    assert time.time() - post["at"] < late, "the receipt was to come before the answer"
    await house.write(channel, phone, "Already reading")

    await house.until_status(campaign, "completed")
    assert await house.texts(channel, phone) == [FIRST, SECOND]
    assert (await house.counts(campaign))["replied"] == 1


@pytest.mark.alone
async def test_a_text_while_message_1_is_in_flight_does_not_count_when_the_platform_rejects_it(house: House) -> None:
    channel = await house.channel()
    [phone] = phones = new_phones(1)
    await house.fault(
        {"kind": "delay", "seconds": 1.5, "match": {"phone": phone}}, {"kind": "reject", "match": {"phone": phone}}
    )
    campaign = await house.campaign(channel, phones=phones)
    await house.until_count(campaign, "sending", 1)

    await house.write(channel, phone, "Hello, is this the shop?")
    await until_recorded(house, campaign, 1)

    done = await house.until_status(campaign, "completed")
    assert done["counts"]["failed"] == 1
    assert done["counts"]["replied"] == 0
    assert await house.texts(channel, phone) == []
    [(counted, _)] = await house.interactions(campaign)
    assert not counted


async def test_one_reply_whose_webhook_comes_five_times_gets_one_message_2(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)

    await house.write(channel, phone, "Yes", times=5)

    await house.until_status(campaign, "completed")
    assert await house.texts(channel, phone) == [FIRST, SECOND]
    assert await house.interactions(campaign) == [(True, None)]


async def test_three_texts_in_a_row_get_one_message_2_and_the_repeats_are_logged(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)

    await asyncio.gather(*(house.write(channel, phone, words) for words in ("Yes", "please", "now")))

    await house.until_status(campaign, "completed")
    await until_recorded(house, campaign, 3)
    assert await house.texts(channel, phone) == [FIRST, SECOND]
    recorded = await house.interactions(campaign)
    assert sorted(counted for counted, _ in recorded) == [False, False, True]


@pytest.mark.alone
async def test_a_reply_whose_signal_was_lost_still_gets_message_2_when_the_window_ends(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, reply_window_seconds=2)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)

    contact = await house.contact(campaign, phone)
    assert contact["replied_at"] is None
    await record_without_signal(house, campaign, phone)

    await house.until_status(campaign, "completed")
    assert await house.texts(channel, phone) == [FIRST, SECOND]
    assert (await house.counts(campaign))["no_reply"] == 0


async def record_without_signal(house: House, campaign: Campaign, phone: str) -> None:
    """What a process does that dies between recording a reply and signalling it, and whose event is never repeated."""
    event = IncomingEvent(
        channel_id=campaign.channel.id,
        dedupe_key=f"lost/{phone}",
        event_name="message:in:new",
        raw=b"{}",
        facts=[TextFact(provider_message_id=f"lost/{phone}", phone=phone, text="Yes")],
    )
    async with house.database.tenant(house.tenant_id) as session:
        event_id = await store_event(session, house.tenant_id, event)
        assert event_id is not None
        assert await process_event(session, house.tenant_id, event_id) != []
        assert await mark_processed(session, event_id)


@pytest.mark.alone
async def test_replies_at_the_windows_last_instant_have_exactly_one_winner(house: House) -> None:
    chance = seeded()
    channel = await house.channel()
    campaign = await house.campaign(channel, 30, reply_window_seconds=2)
    await house.until_count(campaign, "out", 30)
    contacts = await house.contacts(campaign)
    deadlines = await house.rows(
        "SELECT c.phone, extract(epoch FROM e.reply_deadline) FROM enrollments e "
        "JOIN contacts c ON c.id = e.contact_id WHERE e.campaign_id = :id",
        id=campaign.id,
    )

    async def reply_about(deadline: float, phone: str) -> None:
        await asyncio.sleep(max(0.0, deadline + chance.uniform(-0.3, 0.1) - time.time()))
        await house.write(channel, phone, "Just in time?")

    await asyncio.gather(*(reply_about(float(deadline), phone) for phone, deadline in deadlines))

    counts = (await house.until_status(campaign, "completed"))["counts"]
    await until_recorded(house, campaign, 30)
    assert counts["replied"] + counts["no_reply"] == 30
    assert counts["replied"] == counts["message_2_sent"]
    contacts = await house.contacts(campaign)
    for phone, contact in contacts.items():
        wanted = 1 if contact["outcome"] == "no_reply" else 2
        assert len(await house.texts(channel, phone)) == wanted, contact
