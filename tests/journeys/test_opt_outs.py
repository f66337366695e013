"""STOP and START in the middle of campaigns (CAM-13, F05)."""

from tests.journeys.house import House, until


async def test_stop_ends_every_campaign_at_once_and_a_queued_message_1_is_never_sent(house: House) -> None:
    channel, slow = await house.channel(), await house.channel(rate=1)
    waiting = await house.campaign(channel)
    [phone] = waiting.phones
    await house.until_count(waiting, "out", 1)
    bystanders = await house.campaign(slow, 8, start=False)
    queued = await house.campaign(slow, phones=[*bystanders.phones, phone])
    await house.until_count(queued, "out", 1)

    await house.write(channel, phone, " Stop ! ")

    await house.until_count(waiting, "opted_out", 1)
    assert (await house.contact(queued, phone))["status"] == "suppressed"
    await house.until_count(queued, "out", 8)
    assert await house.texts(slow, phone) == []
    assert (await house.until_status(waiting, "completed"))["counts"]["message_2_sent"] == 0
    assert len(await house.texts(channel, phone)) == 1
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
        return (await house.call("GET", "/api/suppressions", expect=200))["items"] == []

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
