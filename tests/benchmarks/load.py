"""`python -m tests.benchmarks.load`: posts bodies to one address over kept connections, and tells how long each took.

A process of its own, and no HTTP library in it: what is measured must be the server, not the one who measures.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop


@dataclass(frozen=True)
class Loaded:
    """What a load did: seconds from the first request to the last answer, seconds of each, and what was answered."""

    seconds: float
    latencies: list[float]
    answers: dict[str, int]

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds that this share of the requests did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Poster(asyncio.Protocol):
    """One connection: a request, its answer, the next request, until none is left."""

    def __init__(self, waiting: deque[bytes], latencies: list[float], answers: Counter[str]) -> None:
        self._waiting = waiting
        self._latencies = latencies
        self._answers = answers
        self._received = b""
        self._began = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready; `start` begins."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass

    def start(self) -> None:
        """Posts the next body, or ends."""
        if not self._waiting:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(self._waiting.popleft())

    def data_received(self, data: bytes) -> None:
        """Takes in an answer; every server here says how long its body is."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        self._latencies.append(time.perf_counter() - self._began)
        self._answers[f"{head[9:12].decode()} {body.decode()}"] += 1
        self.start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ended by us once nothing is left; otherwise something went wrong."""
        if exc is not None or self._waiting:
            self.ended.set_exception(exc or ConnectionError("the server closed the connection"))
        else:
            self.ended.set_result(None)


async def post_all(url: str, bodies: list[bytes], connections: int) -> Loaded:
    """Posts every body once, as fast as the answers come."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "
    waiting = deque(b"%s%d\r\n\r\n%s" % (head.encode(), len(body), body) for body in bodies)
    latencies: list[float] = []
    answers: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    posters = []
    for _ in range(connections):
        _, poster = await loop.create_connection(
            lambda: Poster(waiting, latencies, answers), parts.hostname or "127.0.0.1", parts.port or 80
        )
        posters.append(poster)
    began = time.perf_counter()
    for poster in posters:
        poster.start()
    await asyncio.gather(*(poster.ended for poster in posters))
    return Loaded(time.perf_counter() - began, latencies, dict(answers))


async def loaded(url: str, bodies: list[bytes], connections: int, place: Path) -> Loaded:
    """The same from a process of its own."""
    file = place / "bodies.jsonl"
    file.write_bytes(b"\n".join(bodies))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.load", url, str(file), str(connections)),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, f"the load ended with {process.returncode}"
    return Loaded(**json.loads(told))


if __name__ == "__main__":
    address, bodies_file, at_once = sys.argv[1:]
    done = uvloop.run(post_all(address, Path(bodies_file).read_bytes().split(b"\n"), int(at_once)))
    print(json.dumps(asdict(done)))
