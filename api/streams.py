"""Live state as server-sent events: one poller per thing that somebody watches, whatever the number of viewers."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog

from db.away import DATABASE_ERRORS

POLL_SECONDS = 0.5
REST_FACTOR = 5
"""A poller rests at least this many times as long as its query took, so that a huge campaign costs little to watch."""

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


class Ending(Protocol):
    """A state of something watched."""

    @property
    def last(self) -> bool:
        """Whether nothing will follow."""

    @property
    def seen(self) -> object:
        """What of it people see, and as finely as they need it: it is news when this is not what it was."""


Key = TypeVar("Key", bound=Hashable)
State = TypeVar("State", bound=Ending)


@dataclass(frozen=True, slots=True)
class Change(Generic[State]):
    """One change, numbered from 1 within its feed; `told` is what was made of it, so that it is made once for all."""

    number: int
    state: State
    told: dict[Hashable, bytes] = field(default_factory=dict, compare=False)


class Feed(Generic[State]):
    """The changes of one thing, for all its viewers."""

    def __init__(self) -> None:
        self.viewers = 0
        self.closed = False
        self._latest: Change[State] | None = None
        self._changed = asyncio.Event()

    def publish(self, state: State) -> None:
        """Tells the viewers, if this is news."""
        if self._latest is None or self._latest.state.seen != state.seen:
            self._latest = Change(self._latest.number + 1 if self._latest else 1, state)
            self._wake()

    def close(self) -> None:
        """Sends the viewers home."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    async def after(self, number: int, patience: float) -> Change[State] | None:
        """The latest change behind `number`; None when `patience` seconds brought none, or the feed was closed."""
        if not self.closed and (self._latest is None or self._latest.number <= number):
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._changed.wait()
        return self._latest if self._latest and self._latest.number > number else None


class Hub(Generic[Key, State]):
    """The feeds that somebody watches. `read` takes one state of the thing with that key from the database.

    A read that fails sends the viewers home, unless the hub is `patient`: then it is tried again while they wait.
    """

    def __init__(
        self,
        read: Callable[[Key], Awaitable[State]],
        *,
        poll_seconds: float = POLL_SECONDS,
        patient: bool = False,
    ) -> None:
        self._read = read
        self._poll_seconds = poll_seconds
        self._patient = patient
        self._feeds: dict[Key, Feed[State]] = {}
        self._pollers: dict[Key, asyncio.Task[None]] = {}

    @property
    def pollers(self) -> int:
        """How many things are being polled."""
        return len(self._pollers)

    def close(self) -> None:
        """Ends every stream, so that the process can stop."""
        for feed in self._feeds.values():
            feed.close()

    async def changes(self, key: Key) -> AsyncGenerator[Change[State] | None, None]:
        """What one viewer is told: the present state, each change, None in silence, and the end."""
        number = 0
        async with self._watching(key) as feed:
            while not feed.closed:
                change = await feed.after(number, HEARTBEAT_SECONDS)
                yield change
                if change is None:
                    continue
                number = change.number
                if change.state.last:
                    return

    @asynccontextmanager
    async def _watching(self, key: Key) -> AsyncIterator[Feed[State]]:
        feed = self._feeds.get(key) or self._begun(key)
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if feed.viewers == 0:
                self._forget(key, feed)

    def _begun(self, key: Key) -> Feed[State]:
        feed = self._feeds[key] = Feed()
        poller = self._pollers[key] = asyncio.create_task(self._poll(key, feed), name=f"feed/{key}")
        poller.add_done_callback(partial(self._end, key, feed))
        return feed

    def _end(self, key: Key, feed: Feed[State], poller: asyncio.Task[None]) -> None:
        """Ends a feed whose poller is over: its last state would pass for the present one."""
        feed.close()
        self._forget(key, feed)
        if not poller.cancelled() and (error := poller.exception()):
            logger.error("api.feed_broken", feed=str(key), exc_info=error)

    def _forget(self, key: Key, feed: Feed[State]) -> None:
        if self._feeds.get(key) is feed:  # and not that of viewers who came after it had ended
            del self._feeds[key]
            self._pollers.pop(key).cancel()

    async def _poll(self, key: Key, feed: Feed[State]) -> None:
        clock = asyncio.get_running_loop()
        while True:
            began = clock.time()
            try:
                feed.publish(await self._read(key))
            except DATABASE_ERRORS as error:
                logger.warning("api.feed_unread", feed=str(key), error=type(error).__name__)
                if not self._patient:
                    return
            await asyncio.sleep(max(self._poll_seconds, REST_FACTOR * (clock.time() - began)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign's progress as JSON."""

    body: str
    last: bool
    seen: object


Watched = tuple[UUID, UUID]
"""Tenant and campaign."""

ReadSnapshot = Callable[[UUID, UUID], Awaitable[Snapshot]]


class ProgressHub(Hub[Watched, Snapshot]):
    """The campaigns that somebody watches over the API. `read` takes one snapshot from the database.

    It is patient: programs are promised a stream that lasts, and take no heartbeat for a sign that a figure is fresh.
    """

    def __init__(self, read: ReadSnapshot, *, poll_seconds: float = POLL_SECONDS) -> None:
        super().__init__(lambda watched: read(*watched), poll_seconds=poll_seconds, patient=True)

    async def events(self, tenant_id: UUID, campaign_id: UUID) -> AsyncGenerator[bytes, None]:
        """The stream of one viewer: the present state, each change, a heartbeat in silence, and the end."""
        async with aclosing(self.changes((tenant_id, campaign_id))) as changes:
            async for change in changes:
                yield HEARTBEAT if change is None else _encoded(change)


def _encoded(change: Change[Snapshot]) -> bytes:
    """The event as it goes over the wire (the body has no line breaks: JSON escapes them)."""
    return f"event: progress\nid: {change.number}\ndata: {change.state.body}\n\n".encode()
