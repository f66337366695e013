"""The feeds of progress: news only, heartbeats in silence, patience with the database, and an end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from api import streams
from api.streams import HEARTBEAT, Hub, ProgressHub, Snapshot
from tests.waiting import until

TENANT, CAMPAIGN = uuid4(), uuid4()


def snapshot(body: str, *, last: bool = False, seen: object = None) -> Snapshot:
    """A state of which people see all, unless it is said what they see."""
    return Snapshot(body, last, body if seen is None else seen)


def hub_of(read: Callable[[], Snapshot]) -> ProgressHub:
    """A hub that polls quickly."""

    async def taken(_tenant_id: UUID, _campaign_id: UUID) -> Snapshot:
        return read()

    return ProgressHub(taken, poll_seconds=0.001)


async def take(stream: AsyncIterator[bytes], count: int) -> list[bytes]:
    """The next `count` pieces of a stream."""
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def test_only_news_is_told() -> None:
    bodies = iter(["a", "a", "a", "b", "b", "c"])
    hub = hub_of(lambda: snapshot(body := next(bodies), last=body == "c"))
    told = [piece async for piece in hub.events(TENANT, CAMPAIGN)]
    assert told == [
        f"event: progress\nid: {number}\ndata: {body}\n\n".encode() for number, body in enumerate("abc", start=1)
    ]
    assert hub.pollers == 0


async def test_what_nobody_sees_is_no_news_and_what_is_told_is_the_present_state() -> None:
    states = iter([("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c")])
    hub = hub_of(lambda: snapshot((state := next(states))[0], last=state[0] == "c1", seen=state[1]))
    told = [piece async for piece in hub.events(TENANT, CAMPAIGN)]
    assert [piece.split(b"data: ")[1].strip() for piece in told] == [b"a1", b"b1", b"c1"]


async def test_silence_is_filled_with_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    hub = hub_of(lambda: snapshot("a"))
    async with aclosing(hub.events(TENANT, CAMPAIGN)) as stream:
        assert (await take(stream, 3))[1:] == [HEARTBEAT, HEARTBEAT]
    assert hub.pollers == 0


async def test_a_database_that_is_away_for_a_moment_ends_no_stream() -> None:
    answers = iter([snapshot("a"), None, None, snapshot("b", last=True)])

    def read() -> Snapshot:
        answer = next(answers)
        if answer is None:
            raise OperationalError("SELECT", {}, ConnectionResetError())
        return answer

    hub = hub_of(read)
    assert len([piece async for piece in hub.events(TENANT, CAMPAIGN)]) == 2


async def test_closing_ends_every_stream() -> None:
    hub = hub_of(lambda: snapshot("a"))
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
    hub = hub_of(lambda: snapshot("a"))
    async with aclosing(hub.events(TENANT, CAMPAIGN)) as one, aclosing(hub.events(TENANT, CAMPAIGN)) as late:
        first = await take(one, 1)
        assert await take(late, 1) == first
        assert hub.pollers == 1


async def test_a_hub_that_is_not_patient_ends_its_streams_at_a_failed_read_and_begins_anew() -> None:
    answers: list[Snapshot | OSError] = [snapshot("a"), OSError(), snapshot("b", last=True)]

    async def read(_key: str) -> Snapshot:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    hub = Hub[str, Snapshot](read, poll_seconds=0.001)
    async with asyncio.timeout(5):
        first = [change.state.body async for change in hub.changes("key") if change]
        assert (first, hub.pollers) == (["a"], 0)
        assert [change.state.body async for change in hub.changes("key") if change] == ["b"]


async def test_who_comes_after_a_feed_had_ended_keeps_the_new_one_when_the_last_of_the_old_leaves() -> None:
    answers: list[Snapshot] = [snapshot("a")]

    async def read(_key: str) -> Snapshot:
        if not answers:
            raise OSError
        return answers[0]

    hub = Hub[str, Snapshot](read, poll_seconds=0.001)

    async def is_over() -> bool:
        return hub.pollers == 0

    async with asyncio.timeout(5), aclosing(hub.changes("key")) as new:
        async with aclosing(hub.changes("key")) as old:
            await anext(old)
            kept = answers.pop()
            await until(is_over, "the poller ends")
            answers.append(kept)
            assert (change := await anext(new)) is not None
            assert change.state is kept
        assert hub.pollers == 1
        answers[0] = snapshot("b", last=True)
        assert (change := await anext(new)) is not None
        assert change.state is answers[0]


async def test_a_feed_whose_poller_dies_of_a_bug_ends_its_streams_and_says_so() -> None:
    bodies = iter(["a"])
    hub = hub_of(lambda: snapshot(next(bodies)))
    with capture_logs() as said:
        async with asyncio.timeout(5):
            assert len([piece async for piece in hub.events(TENANT, CAMPAIGN) if piece != HEARTBEAT]) == 1
    assert [line["event"] for line in said] == ["api.feed_broken"]
    assert hub.pollers == 0
