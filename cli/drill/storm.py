"""A storm of webhooks: many connections post the same events until each delivery is acknowledged."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

AWAY_PAUSE = 0.1
ANSWER_SECONDS = 15.0
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A text that a person wrote; `id` is the platform's for it."""

    id: str
    phone: str
    text: str

    def body(self, device: str) -> bytes:
        """The webhook's body as the platform posts it."""
        now, person = datetime.now(UTC), f"{self.phone.removeprefix('+')}@c.us"
        data: dict[str, object] = {
            "id": self.id,
            "type": "text",
            "flow": "inbound",
            "from": person,
            "fromNumber": self.phone,
        }
        data |= {"date": now.isoformat(), "timestamp": int(now.timestamp()), "body": self.text}
        envelope = {"object": "message", "event": "message:in:new", "device": {"id": device}, "data": data}
        return json.dumps(envelope).encode()


@dataclass(slots=True)
class Storm:
    """What is still to be posted and what was acknowledged; `posted` counts every attempt."""

    url: str
    device: str
    deliveries: deque[Event]
    acknowledged: set[str] = field(default_factory=set)
    answers: dict[int, int] = field(default_factory=dict)
    last_loss_at: float = 0.0
    longest_away: float = 0.0

    @property
    def posted(self) -> int:
        """How many deliveries were attempted."""
        return sum(self.answers.values())

    async def rage(self, connections: int, after_each: Callable[[int], None]) -> None:
        """Posts everything over so many connections; `after_each` hears how many were acknowledged so far."""
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._post_all(after_each))

    async def _post_all(self, after_each: Callable[[int], None]) -> None:
        line = Line(self.url)
        while self.deliveries:
            event = self.deliveries.popleft()
            try:
                status = await line.post(event.body(self.device))
            except (OSError, EOFError, TimeoutError, ValueError):
                line.close()
                status = NO_ANSWER
            self.answers[status] = self.answers.get(status, 0) + 1
            if status == 200:
                self._heard(event)
                after_each(self.answers[200])
                continue
            self.deliveries.append(event)
            self.last_loss_at = self.last_loss_at or time.monotonic()
            await asyncio.sleep(AWAY_PAUSE)
        line.close()

    def _heard(self, event: Event) -> None:
        self.acknowledged.add(event.id)
        if self.last_loss_at:
            self.longest_away = max(self.longest_away, time.monotonic() - self.last_loss_at)
            self.last_loss_at = 0.0


class Line:
    """One kept-alive HTTP/1.1 connection. A general client would cost more than the server that is being tried."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._host, self._port = target.hostname or "", target.port or 80
        path = target.path + (f"?{target.query}" if target.query else "")
        self._head = f"POST {path} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> int:
        """The status of the answer. Raises OSError, EOFError, TimeoutError or ValueError when there is none."""
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            return await self._answer(reader)

    async def _answer(self, reader: asyncio.StreamReader) -> int:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        lengths = [line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        if "connection: close" in head:
            self.close()
        return status

    def close(self) -> None:
        """Gives the connection up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def shuffled(events: Sequence[Event], copies: int, shuffle: Callable[[list[Event]], None]) -> deque[Event]:
    """Every event so many times, in any order."""
    deliveries = [event for event in events for _ in range(copies)]
    shuffle(deliveries)
    return deque(deliveries)
