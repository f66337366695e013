"""Any number of workers and API processes over one database and one Temporal (OPS-2)."""

import asyncio
import json
from dataclasses import replace

import pytest

from tests.journeys.house import STATES, House, new_phones
from tests.journeys.platform_log import most_in_any_second
from tests.operations.fleet import Fleet
from tests.waiting import until

RATE = 10
EDGE = 2
"""A second's two edges may both hold a message, and one that came late on busy cores may fall into it."""


@pytest.mark.alone
async def test_a_campaign_through_two_of_each_keeps_its_rate_and_loses_nothing_with_one_of_each(
    fleet: Fleet, house: House
) -> None:
    channel = await house.channel(rate=RATE, base=fleet.apis[1].url)
    phones = new_phones(40)
    campaign = await house.campaign(channel, phones=phones, reply_window_seconds=25)
    await house.until_count(campaign, "out", 8)
    shares = [(await worker.page()).total("relance_deliveries_total", outcome="sent") for worker in fleet.workers]

    await fleet.workers[0].kill()
    await fleet.apis[0].kill()

    async with fleet.other(house) as api:
        house = replace(house, api=api)  # what was begun at one API goes on at the other
        for phone in [post["phone"] for post in await house.received(channel)][:5]:
            await house.write(channel, phone, "Yes")
        await house.until_count(campaign, "out", 40, within=90)
        await house.until_count(campaign, "message_2_sent", 5)
        posts = await house.posts(channel)
        assert await house.doubles(channel) == []
        assert {post["phone"] for post in posts if post["accepted"]} == set(phones)
        assert most_in_any_second(posts) <= RATE + EDGE
        await house.command(campaign, "cancel")
    assert min(shares) > 0, "both workers sent"
    await asyncio.gather(fleet.workers[0].start(), fleet.apis[0].start())


async def test_a_stream_at_one_api_tells_what_was_done_at_the_other(fleet: Fleet, house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 6, reply_window_seconds=1, start=False)
    seen = []
    async with fleet.other(house) as api, api.stream("GET", f"/api/campaigns/{campaign.id}/events") as stream:
        await house.command(campaign, "start")
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))

    assert (seen[0]["status"], seen[-1]["status"]) == ("draft", "completed")
    assert all(shown["counts"]["total"] == sum(shown["counts"][state] for state in STATES) for shown in seen)
    assert seen[-1] == await house.show(campaign)


async def test_one_key_used_at_both_apis_at_once_has_one_effect(fleet: Fleet, house: House) -> None:
    channel = await house.channel()
    body = {"name": "Once", "channel_id": channel.id, "message_1": "Hello", "message_2": "Thanks"}
    once = {"Idempotency-Key": "at-both"}
    async with fleet.other(house) as api:

        async def answered(at: int) -> list[str]:
            """The id that the campaign got; none while the other request is being worked on."""
            answer = await (house.api, api)[at % 2].post("/api/campaigns", json=body, headers=once)
            assert answer.status_code in (201, 409), answer.text
            return [answer.json()["id"]] if answer.status_code == 201 else []

        made = [one for ids in await asyncio.gather(*(answered(number) for number in range(10))) for one in ids]
        made += await answered(0) + await answered(1)
        listed = (await api.get("/api/campaigns")).json()["items"]
    assert len(made) >= 2, "both APIs answer once it is done"
    assert len(set(made)) == 1
    assert [shown["id"] for shown in listed] == made[:1]


async def test_an_event_told_to_both_apis_at_once_opens_one_message_2(fleet: Fleet, house: House) -> None:
    channel = await house.channel()
    campaign = await house.campaign(channel)
    [phone] = campaign.phones
    await house.until_count(campaign, "out", 1)
    url = channel.webhook_url.replace(fleet.apis[0].url, fleet.apis[1].url)
    hook = {"name": "second", "url": url, "events": ["message:in:new"], "device": channel.device}
    answer = await house.simulator.post("/v1/webhooks", json=hook, headers={"Token": channel.token})
    assert answer.status_code == 201, answer.text

    await house.write(channel, phone, "Yes", times=5)

    await house.until_count(campaign, "message_2_sent", 1)

    async def all_taken() -> bool:
        rows = await house.rows("SELECT processed_at FROM inbound_events WHERE tenant_id = :tenant")
        return len(rows) == 1 and rows[0].processed_at is not None

    await until(all_taken, "the event is stored once and dealt with")
    assert len(await house.received(channel, phone)) == 2
    assert [counted for counted, _ in await house.interactions(campaign)] == [True]
