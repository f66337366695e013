"""What platforms post to us: taken once, kept whatever else is away, refused when forged (INB)."""

from collections.abc import Iterable
from uuid import UUID

from cli.stack.probes import free_port
from domain.signals import Signal
from tests.journeys.building import api_of, serving_api
from tests.journeys.house import Channel, House
from tests.waiting import until
from workflows.handles import EngineUnavailable, Workflows


class CutOff(Workflows):
    """The workflows as a process sees them whose way to Temporal is cut."""

    async def deliver(self, signals: Iterable[Signal]) -> None:
        """Nobody can be told."""
        if list(signals):
            raise EngineUnavailable("cut off by the test")


async def events_of(house: House, channel: Channel) -> list[bool]:
    """For each event that is stored of a channel, whether it has been processed."""
    statement = "SELECT processed_at IS NOT NULL FROM inbound_events WHERE tenant_id = :tenant AND channel_id = :id"
    return [processed for (processed,) in await house.rows(statement, id=UUID(channel.id))]


async def test_a_reply_that_came_while_temporal_was_away_is_taken_up_by_the_sweep(house: House) -> None:
    port = free_port()
    async with serving_api(api_of(house.database, CutOff(house.client), house.settings), port) as base:
        channel = await house.channel(base=base)
        campaign = await house.campaign(channel)
        [phone] = campaign.phones
        await house.until_count(campaign, "out", 1)

        await house.write(channel, phone, "Is anybody there?")

        await house.until_count(campaign, "message_2_sent", 1)
        assert await events_of(house, channel) == [True]
    assert len(await house.texts(channel, phone)) == 2


async def test_a_forged_webhook_is_refused_and_leaves_nothing_behind(house: House) -> None:
    channel = await house.channel()
    forged = channel.webhook_url.partition("?")[0] + "?secret=guessed"
    body = {"event": "message:in:new", "data": {"id": "X1", "fromNumber": "+33639980000", "type": "text", "body": "hi"}}

    answer = await house.api.post(forged, json=body)

    assert answer.status_code == 401
    assert await events_of(house, channel) == []


async def test_an_event_that_nobody_knows_is_kept(house: House) -> None:
    channel = await house.channel()

    answer = await house.api.post(channel.webhook_url, json={"event": "weather:changed", "data": {"sky": "blue"}})

    assert answer.status_code == 200

    async def processed() -> bool:
        return await events_of(house, channel) == [True]

    await until(processed, "the unknown event is kept and done with")


async def test_a_body_of_more_than_a_megabyte_is_refused(house: House) -> None:
    channel = await house.channel()

    answer = await house.api.post(channel.webhook_url, content=b"x" * (1024 * 1024 + 1))

    assert answer.status_code == 413
    assert await events_of(house, channel) == []


async def test_receipts_doubled_and_reordered_move_a_message_forward_only(house: House) -> None:
    quickly = {"min_seconds": 0, "max_seconds": 0.1}
    await house.behave(receipts={"delay": quickly, "read_delay": quickly, "read_share": 1.0})
    await house.fault(webhooks={"double_share": 1.0, "copies": 3, "reorder_window_seconds": 0.5})
    channel = await house.channel(rate=20)
    campaign = await house.campaign(channel, 10)

    await house.until_count(campaign, "read", 10)

    async def all_told() -> bool:
        waiting = await house.rows(
            "SELECT 1 FROM inbound_events WHERE tenant_id = :tenant AND processed_at IS NULL LIMIT 1"
        )
        pending = (await house.control("GET", "summary"))["webhooks_pending"]
        return waiting == [] and pending == 0

    await until(all_told, "every webhook is delivered and processed")
    assert (await house.counts(campaign))["read"] == 10
    await house.command(campaign, "cancel")
