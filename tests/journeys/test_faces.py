"""What an operator sees beside the counts: a test to oneself, and progress as it happens."""

import json

from tests.journeys.house import STATES, Campaign, Channel, House, Json, new_phones
from tests.waiting import until


async def delivery_ends(house: House, delivery_id: str) -> Json:
    """The delivery once it is settled."""
    path = f"/api/deliveries/{delivery_id}"

    async def settled() -> bool:
        return (await house.call("GET", path, expect=200))["status"] in ("sent", "failed", "refused")

    await until(settled, "the test is settled")
    return await house.call("GET", path, expect=200)


async def test_send(house: House, campaign: Campaign, phone: str) -> Json:
    """Sends Message 2 of a campaign to oneself and returns the settled delivery."""
    body = {"phone": phone, "message": 2, "variables": {"first_name": "Ana"}}
    queued = await house.call("POST", f"/api/campaigns/{campaign.id}/test-send", json=body, expect=202)
    return await delivery_ends(house, queued["delivery_id"])


test_send.__test__ = False  # type: ignore[attr-defined]  # a step of the journeys below, named as people call it


async def draft(house: House) -> tuple[Campaign, Channel]:
    """A campaign that is not started."""
    channel = await house.channel()
    return await house.campaign(channel, start=False), channel


async def test_a_test_to_oneself_is_sent_and_counts_nowhere(house: House) -> None:
    campaign, channel = await draft(house)
    [mine] = new_phones(1)

    delivery = await test_send(house, campaign, mine)

    assert delivery["status"] == "sent"
    assert [line["status"] for line in delivery["log"]][-1] == "sent"
    assert await house.texts(channel, mine) == ["Thanks Ana, here is more."]
    assert (await house.counts(campaign))["pending"] == 1


async def test_a_test_to_somebody_who_opted_out_is_refused(house: House) -> None:
    campaign, channel = await draft(house)
    [mine] = new_phones(1)
    await house.call("POST", "/api/suppressions", json={"phone": mine}, expect=201)

    delivery = await test_send(house, campaign, mine)

    assert delivery["status"] == "refused"
    assert "not to be written to" in delivery["reason"]
    assert await house.posts(channel) == []


async def test_progress_streams_every_change_and_ends_with_the_campaign(house: House) -> None:
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 10, reply_window_seconds=1, start=False)
    seen: list[Json] = []
    async with house.api.stream("GET", f"/api/campaigns/{campaign.id}/events") as stream:
        await house.command(campaign, "start")
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))

    assert seen[0]["status"] == "draft"
    assert seen[-1]["status"] == "completed"
    assert len(seen) > 3
    assert all(shown["counts"]["total"] == sum(shown["counts"][state] for state in STATES) for shown in seen)
    out = [shown["counts"]["total"] - shown["counts"]["pending"] for shown in seen]
    assert out == sorted(out)
    assert seen[-1] == await house.show(campaign)
