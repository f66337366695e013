"""Answers that get lost on the way: nothing twice, nothing unsettled, nothing sent again without asking (F03)."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from tests.journeys.house import Campaign, Channel, House, Json, new_phones
from tests.waiting import until

ACCEPTED: list[Json] = [
    {"kind": "accept_then_drop"},
    {"kind": "accept_then_reset_body"},
    {"kind": "accept_then_502"},
    {"kind": "timeout", "seconds": 3.5},
]
NOT_ACCEPTED: list[Json] = [{"kind": "drop_before", "reset": True}, {"kind": "error", "status": 500}]


def losing(phones: list[str], kinds: list[Json]) -> list[Json]:
    """Rules by which the first call about each of these people loses its answer, in one way after the other."""
    return [
        {**kinds[index % len(kinds)], "match": {"phone": phone, "first_attempts": 1}}
        for index, phone in enumerate(phones)
    ]


async def posts_by_reference(house: House, channel: Channel) -> dict[str, list[Json]]:
    """The calls of a channel, grouped by what they were about."""
    groups: defaultdict[str, list[Json]] = defaultdict(list)
    for post in await house.posts(channel):
        groups[post["reference"]].append(post)
    return groups


async def test_lost_answers_of_ten_percent_of_two_hundred_sends_double_nothing(house: House) -> None:
    channel = await house.channel(rate=50)
    phones = new_phones(200)
    await house.fault(*losing(phones[5::10], [*ACCEPTED, *NOT_ACCEPTED]))
    pacing = {"delay_seconds": 0.02, "max_delay_seconds": 0.02, "batch_size": 100}
    campaign = await house.campaign(channel, phones=phones, pacing=pacing)

    await house.until_count(campaign, "out", 200, within=100)

    assert (await house.show(campaign))["status"] == "running", "ten percent must not trip the breaker"
    assert await house.doubles(channel) == []
    assert {post["phone"] for post in await house.received(channel)} == set(phones)
    sent_twice = [posts for posts in (await posts_by_reference(house, channel)).values() if len(posts) > 1]
    assert len(sent_twice) == sum(1 for index in range(20) if index % 6 >= len(ACCEPTED))
    for first, second in sent_twice:
        asked = await house.control("GET", "lookups", params={"reference": first["reference"]})
        between = [look for look in asked if first["at"] < look["at"] < second["at"]]
        assert between, f"sent again without asking: {first['reference']}"
        assert between[-1]["found"] == 0
    await house.command(campaign, "cancel")


async def unknown_deliveries(house: House, campaign: Campaign) -> list[Json]:
    """The deliveries of the campaign whose outcome nobody knows."""
    asked = {"status": "unknown", "campaign_id": campaign.id}
    items: list[Json] = (await house.call("GET", "/api/deliveries", params=asked, expect=200))["items"]
    return items


async def one_unknown(house: House, channel: Channel, kind: str) -> tuple[Campaign, Json]:
    """A Message 1 whose answer got lost, at a platform that cannot be asked."""
    await house.fault(
        {"kind": kind, "match": {"device": channel.device, "next_n": 1}}, {"kind": "error", "on": "lookup"}
    )
    campaign = await house.campaign(channel)

    async def there() -> bool:
        return len(await unknown_deliveries(house, campaign)) == 1

    await until(there, "one delivery of unknown outcome")
    assert (await house.counts(campaign))["unknown"] == 1
    [delivery] = await unknown_deliveries(house, campaign)
    return campaign, delivery


async def resolve(house: House, delivery: Json, action: str, **arguments: Any) -> Json:
    """The operator's word on a delivery."""
    arguments = {"expect": 200, **arguments}
    return await house.call("POST", f"/api/deliveries/{delivery['id']}/resolve", json={"action": action}, **arguments)


async def test_an_operator_who_says_that_it_went_out_lets_the_campaign_go_on(house: House) -> None:
    channel = await house.channel()
    campaign, delivery = await one_unknown(house, channel, "accept_then_drop")
    [phone] = campaign.phones

    await resolve(house, delivery, "mark_sent")

    await house.until_count(campaign, "sent", 1)
    await resolve(house, delivery, "mark_sent", expect=409)
    await house.write(channel, phone, "Yes")
    await house.until_count(campaign, "message_2_sent", 1)
    assert len(await house.texts(channel, phone)) == 2


async def test_an_operator_who_says_that_it_did_not_go_out_has_it_sent(house: House) -> None:
    channel = await house.channel()
    campaign, delivery = await one_unknown(house, channel, "drop_before")

    await resolve(house, delivery, "resend")

    await house.until_count(campaign, "sent", 1)
    assert len(await house.received(channel)) == 1


async def test_an_unknown_message_1_is_settled_by_the_receipt_that_proves_it(house: House) -> None:
    receipts = {"delay": {"min_seconds": 1, "max_seconds": 1}, "out_new": False, "delivered_share": 0.0}
    await house.behave(receipts=receipts)
    channel = await house.channel()
    campaign, _ = await one_unknown(house, channel, "accept_then_drop")

    await house.until_count(campaign, "sent", 1)

    assert await unknown_deliveries(house, campaign) == []
    [line] = await house.rows(
        "SELECT count(*) FROM action_log WHERE tenant_id = :tenant AND campaign_id = :id AND status = 'sent'",
        id=UUID(campaign.id),
    )
    assert line[0] == 1
