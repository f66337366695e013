"""A small HTTP/1.1 client for webhooks: kept-alive connections, one attempt, a status or a reason."""

import asyncio
import ssl
import time
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

# Servers commonly close idle connections after five seconds; one that waited long may be closed under the request.
_REUSE_WITHIN_SECONDS = 2.0
_READ_BYTES = 65_536

Origin = tuple[str, str, int]


class PostFailedError(Exception):
    """The webhook got no answer; the text says why."""


@dataclass(slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection
    idle_since: float = 0.0

    def usable(self) -> bool:
        fresh = time.monotonic() - self.idle_since < _REUSE_WITHIN_SECONDS
        return fresh and not self.reader.at_eof() and not self.writer.is_closing()


class Poster:
    """At 200 messages a second each with four receipts the cost of a webhook counts, hence no general client."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, list[_Line]] = defaultdict(list)

    async def post(self, url: str, body: bytes, headers: dict[str, str], timeout_seconds: float) -> int:
        """The status of the answer. Raises PostFailedError on refusal, reset, bad HTTP or no answer in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._post(urlsplit(url), body, headers)
        except (OSError, TimeoutError, h11.ProtocolError) as error:
            raise PostFailedError(f"{type(error).__name__}: {error}") from error

    async def _post(self, target: SplitResult, body: bytes, headers: dict[str, str]) -> int:
        line, status = await self._line(target), None
        try:
            status = await _exchange(line, target, body, headers)
        finally:  # also when the time is up or the simulator stops
            if status is None:
                line.writer.transport.abort()
            else:
                self._keep(target, line)
        return status

    async def close(self) -> None:
        for line in [line for lines in self._idle.values() for line in lines]:
            line.writer.close()
        self._idle.clear()
        await asyncio.sleep(0)  # lets the transports run their connection_lost

    async def _line(self, target: SplitResult) -> _Line:
        idle = self._idle[_origin(target)]
        while idle:
            line = idle.pop()
            if line.usable():
                return line
            line.writer.close()
        _, host, port = _origin(target)
        secure = ssl.create_default_context() if target.scheme == "https" else None
        reader, writer = await asyncio.open_connection(host, port, ssl=secure)
        return _Line(reader, writer, h11.Connection(h11.CLIENT))

    def _keep(self, target: SplitResult, line: _Line) -> None:
        if line.http.our_state is not h11.DONE or line.http.their_state is not h11.DONE:
            line.writer.close()
            return
        line.http.start_next_cycle()
        line.idle_since = time.monotonic()
        self._idle[_origin(target)].append(line)


def _origin(target: SplitResult) -> Origin:
    return target.scheme, target.hostname or "", target.port or (443 if target.scheme == "https" else 80)


async def _exchange(line: _Line, target: SplitResult, body: bytes, headers: dict[str, str]) -> int:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    sent = {"Host": target.netloc.rpartition("@")[2], "Content-Length": str(len(body)), **headers}
    request = h11.Request(method="POST", target=path, headers=list(sent.items()))
    events = (request, h11.Data(data=body), h11.EndOfMessage())
    line.writer.write(b"".join(line.http.send(event) or b"" for event in events))
    await line.writer.drain()
    return await _answer(line)


async def _answer(line: _Line) -> int:
    status = 0
    while True:
        event = line.http.next_event()
        if event is h11.NEED_DATA:
            line.http.receive_data(await line.reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.EndOfMessage):
            return status
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("closed before an answer")
