"""STOP and START in the middle of campaigns (CAM-13, F05)."""

from tests.journeys.house import House, new_phones
from tests.waiting import until


async def test_stop_ends_every_campaign_at_once_and_a_queued_message_1_is_never_sent(house: House) -> None:
    here, there = await house.channel(), await house.channel()
    waiting = await house.campaign(here)
    [phone] = waiting.phones
    await house.until_count(waiting, "out", 1)
    queued = await house.campaign(there, phones=[*new_phones(5), phone])
    await house.command(queued, "pause")
    already = len(await house.texts(there, phone))

    await house.write(here, phone, " Stop ! ")

    await house.until_count(waiting, "opted_out", 1)
    stopped = await house.contact(queued, phone)
    assert (stopped["status"], stopped["outcome"]) in (("suppressed", "suppressed"), ("sent", "opted_out"))
    await house.command(queued, "resume")
    await house.until_count(queued, "out", 5)
    assert len(await house.texts(there, phone)) == already
    assert (await house.until_status(waiting, "completed"))["counts"]["message_2_sent"] == 0
    assert len(await house.texts(here, phone)) == 1
    await house.command(queued, "cancel")


async def test_a_sentence_that_contains_stop_is_a_reply_like_any_other(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)

    await house.write(channel, phone, "Please don't stop, tell me more")

    await house.until_count(campaign, "message_2_sent", 1)
    assert (await house.call("GET", "/api/suppressions", expect=200))["items"] == []


async def test_an_opt_out_survives_a_new_import_and_start_brings_the_person_back(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)
    await house.write(channel, phone, "désabonner")
    await house.until_count(campaign, "opted_out", 1)

    again = await house.campaign(channel, phones=[phone], message_1="Once more?")
    assert (await house.until_status(again, "completed"))["counts"]["suppressed"] == 1
    assert len(await house.texts(channel, phone)) == 1

    await house.write(channel, phone, "START")

    async def off_the_list() -> bool:
        return len((await house.call("GET", "/api/suppressions", expect=200))["items"]) == 0

    await until(off_the_list, "the suppression lifted")
    returned = await house.campaign(channel, phones=[phone], message_1="Welcome back")
    await house.until_count(returned, "out", 1)


async def test_a_stop_while_message_1_is_in_flight_ends_it_without_message_2(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel, start=False)
    [phone] = campaign.phones
    await house.fault({"kind": "accept_then_delay", "seconds": 1.0, "match": {"phone": phone, "next_n": 1}})
    await house.command(campaign, "start")
    await house.until_count(campaign, "sending", 1)

    await house.write(channel, phone, "STOP")

    done = await house.until_status(campaign, "completed")
    assert done["counts"]["opted_out"] == 1
    assert len(await house.texts(channel, phone)) == 1
