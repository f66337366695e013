"""An A/B test of Message 1 in the running house: everybody gets the variant that the results tell (CAM-16)."""

from collections import Counter

from tests.journeys.house import House

VARIANTS = [
    {"name": "Short", "weight": 3, "text": "Hi {{ first_name }}"},
    {"name": "Formal", "weight": 1, "text": "Good morning {{ first_name }}"},
]


async def test_each_person_receives_the_variant_that_is_told_and_replies_are_counted_for_it(house: House) -> None:
    channel = await house.channel()
    made = await house.campaign(channel, 40, variants=VARIANTS, reply_window_seconds=20, pacing={"batch_size": 7})
    await house.until_count(made, "out", 40)

    told = {phone: row["variant"] for phone, row in (await house.contacts(made)).items()}
    assert Counter(told.values()) == {"Short": 30, "Formal": 10}
    for post in await house.received(channel):
        assert post["text"].startswith("Hi " if told[post["phone"]] == "Short" else "Good morning "), post
    formal = [phone for phone, name in told.items() if name == "Formal"]
    for phone in formal[:3]:
        await house.write(channel, phone, "Yes")
    await house.until_count(made, "message_2_sent", 3)
    await house.until_status(made, "completed", within=60)

    told_in_all = await house.call("GET", f"/api/campaigns/{made.id}/variants", expect=200)
    short, other = told_in_all["items"]
    assert (short["sent"], short["replied"], other["sent"], other["replied"]) == (30, 0, 10, 3)
    assert other["message_2_sent"] == 3
    # Ten and thirty people are too few for a word.
    assert (told_in_all["verdict"], told_in_all["winner"]) == ("not_significant", None)
