"""Progress as server-sent events: one poller per campaign that somebody watches, whatever the number of viewers."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from db.away import DATABASE_ERRORS

POLL_SECONDS = 0.5
REST_FACTOR = 5
"""A poller rests at least this many times as long as its query took, so that a huge campaign costs little to watch."""

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": still here\n\n"

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign's progress as JSON; `last` when nothing will follow."""

    body: str
    last: bool


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One change, numbered from 1 within its feed."""

    number: int
    snapshot: Snapshot

    def encode(self) -> bytes:
        """The event as it goes over the wire (the body has no line breaks: JSON escapes them)."""
        return f"event: progress\nid: {self.number}\ndata: {self.snapshot.body}\n\n".encode()


Watched = tuple[UUID, UUID]
"""Tenant and campaign."""

ReadSnapshot = Callable[[UUID, UUID], Awaitable[Snapshot]]


class Feed:
    """The changes of one campaign, for all its viewers."""

    def __init__(self) -> None:
        self.viewers = 0
        self.closed = False
        self._latest: ProgressEvent | None = None
        self._changed = asyncio.Event()

    def publish(self, snapshot: Snapshot) -> None:
        """Tells the viewers, if this is news."""
        if self._latest is None or self._latest.snapshot != snapshot:
            self._latest = ProgressEvent(self._latest.number + 1 if self._latest else 1, snapshot)
            self._wake()

    def close(self) -> None:
        """Sends the viewers home."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    async def after(self, number: int, patience: float) -> ProgressEvent | None:
        """The latest event behind `number`; None when `patience` seconds brought none, or the feed was closed."""
        if not self.closed and (self._latest is None or self._latest.number <= number):
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._changed.wait()
        return self._latest if self._latest and self._latest.number > number else None


class ProgressHub:
    """The feeds that somebody watches. `read` takes one snapshot from the database."""

    def __init__(self, read: ReadSnapshot, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._read = read
        self._poll_seconds = poll_seconds
        self._feeds: dict[Watched, Feed] = {}
        self._pollers: dict[Watched, asyncio.Task[None]] = {}

    @property
    def pollers(self) -> int:
        """How many campaigns are being polled."""
        return len(self._pollers)

    def close(self) -> None:
        """Ends every stream, so that the process can stop."""
        for feed in self._feeds.values():
            feed.close()

    async def events(self, tenant_id: UUID, campaign_id: UUID) -> AsyncGenerator[bytes, None]:
        """The stream of one viewer: the present state, each change, a heartbeat in silence, and the end."""
        number = 0
        async with self._watching((tenant_id, campaign_id)) as feed:
            while not feed.closed:
                event = await feed.after(number, HEARTBEAT_SECONDS)
                if event is None:
                    yield HEARTBEAT
                    continue
                yield event.encode()
                number = event.number
                if event.snapshot.last:
                    return

    @asynccontextmanager
    async def _watching(self, watched: Watched) -> AsyncIterator[Feed]:
        feed = self._feeds.get(watched)
        if feed is None:
            feed = self._feeds[watched] = Feed()
            self._pollers[watched] = asyncio.create_task(self._poll(watched, feed), name=f"progress/{watched[1]}")
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if feed.viewers == 0:
                del self._feeds[watched]
                self._pollers.pop(watched).cancel()

    async def _poll(self, watched: Watched, feed: Feed) -> None:
        clock = asyncio.get_running_loop()
        while True:
            began = clock.time()
            try:
                feed.publish(await self._read(*watched))
            except DATABASE_ERRORS as error:
                # The viewers keep their streams: heartbeats go on, and the next poll tries again.
                logger.warning("api.progress_unread", campaign_id=str(watched[1]), error=type(error).__name__)
            await asyncio.sleep(max(self._poll_seconds, REST_FACTOR * (clock.time() - began)))
