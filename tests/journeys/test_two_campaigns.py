"""A contact who is in two running campaigns on one channel (CAM-17)."""

from tests.journeys.house import House


async def test_replies_answer_the_latest_message_1_first_and_then_the_one_before(house: House) -> None:
    channel = await house.channel()
    spring = await house.campaign(channel, message_1="Spring?", message_2="Spring it is.")
    await house.until_count(spring, "out", 1)
    [phone] = spring.phones
    autumn = await house.campaign(channel, phones=[phone], message_1="Autumn?", message_2="Autumn it is.")
    await house.until_count(autumn, "out", 1)

    await house.write(channel, phone, "Yes")
    await house.until_count(autumn, "message_2_sent", 1)
    assert (await house.counts(spring))["replied"] == 0

    await house.write(channel, phone, "And yes to the other")
    await house.until_count(spring, "message_2_sent", 1)

    assert await house.texts(channel, phone) == ["Spring?", "Autumn?", "Autumn it is.", "Spring it is."]


async def test_a_reply_on_one_channel_says_nothing_to_a_campaign_on_another(house: House) -> None:
    here, there = await house.channel(), await house.channel()
    campaign = await house.campaign(here, reply_window_seconds=2)
    [phone] = campaign.phones
    other = await house.campaign(there, phones=[phone])
    await house.until_count(campaign, "out", 1)
    await house.until_count(other, "out", 1)

    await house.write(there, phone, "Yes")

    assert (await house.until_status(other, "completed"))["counts"]["message_2_sent"] == 1
    assert (await house.until_status(campaign, "completed"))["counts"]["no_reply"] == 1
