"""A contact's campaign from Message 1 to its end, in every order that a reply can take."""

from tests.journeys.house import House


async def test_a_reply_in_time_gets_message_2(house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)

    await house.write(channel, phone, "Yes please")

    await house.until_count(campaign, "message_2_sent", 1)
    texts = [message["text"] for message in await house.received(channel, phone)]
    assert texts == ["Hello N0", "Thanks N0, here is more."]
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
