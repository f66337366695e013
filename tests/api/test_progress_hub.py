"""The feeds of progress: news only, heartbeats in silence, patience with the database, and an end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError

from api import streams
from api.streams import HEARTBEAT, ProgressHub, Snapshot

TENANT, CAMPAIGN = uuid4(), uuid4()


def hub_of(read: Callable[[], Snapshot]) -> ProgressHub:
    """A hub that polls quickly."""

    async def snapshot(_tenant_id: UUID, _campaign_id: UUID) -> Snapshot:
        return read()

    return ProgressHub(snapshot, poll_seconds=0.001)


async def take(stream: AsyncIterator[bytes], count: int) -> list[bytes]:
    """The next `count` pieces of a stream."""
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def test_only_news_is_told() -> None:
    bodies = iter(["a", "a", "a", "b", "b", "c"])
    hub = hub_of(lambda: Snapshot(body := next(bodies), last=body == "c"))
    told = [piece async for piece in hub.events(TENANT, CAMPAIGN)]
    assert told == [
        f"event: progress\nid: {number}\ndata: {body}\n\n".encode() for number, body in enumerate("abc", start=1)
    ]
    assert hub.pollers == 0


async def test_silence_is_filled_with_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    hub = hub_of(lambda: Snapshot("a", last=False))
    async with aclosing(hub.events(TENANT, CAMPAIGN)) as stream:
        assert (await take(stream, 3))[1:] == [HEARTBEAT, HEARTBEAT]
    assert hub.pollers == 0


async def test_a_database_that_is_away_for_a_moment_ends_no_stream() -> None:
    answers = iter([Snapshot("a", last=False), None, None, Snapshot("b", last=True)])

    def read() -> Snapshot:
        answer = next(answers)
        if answer is None:
            raise OperationalError("SELECT", {}, ConnectionResetError())
        return answer

    hub = hub_of(read)
    assert len([piece async for piece in hub.events(TENANT, CAMPAIGN)]) == 2


async def test_closing_ends_every_stream() -> None:
    hub = hub_of(lambda: Snapshot("a", last=False))
    async with aclosing(hub.events(TENANT, CAMPAIGN)) as one, aclosing(hub.events(TENANT, uuid4())) as other:
        await take(one, 1)
        await take(other, 1)
        assert hub.pollers == 2
        hub.close()
        for stream in (one, other):
            with pytest.raises(StopAsyncIteration):
                await take(stream, 1)
    assert hub.pollers == 0


async def test_a_late_viewer_gets_the_present_state_at_once() -> None:
    hub = hub_of(lambda: Snapshot("a", last=False))
    async with aclosing(hub.events(TENANT, CAMPAIGN)) as one, aclosing(hub.events(TENANT, CAMPAIGN)) as late:
        first = await take(one, 1)
        assert await take(late, 1) == first
        assert hub.pollers == 1
