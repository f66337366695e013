"""What connector tests share: accounts, messages, canned platforms and a server that breaks connections."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from connectors.registry import Connectors, ConnectorUrls, build_connectors
from connectors.shapes import Credentials, OutboundMessage
from connectors.wassenger.client import WassengerConnector

TOKEN = "key-9f8e7d6c5b4a"
DEVICE = "65f0c0ffee65f0c0ffee0001"
PHONE = "+34600111222"
BASE = "http://platform.test/v1"
WASSENGER = Credentials({"token": TOKEN, "device_id": DEVICE})
# One account per registered platform: the contract suite refuses to run a platform that has none here.
ACCOUNTS: dict[str, Credentials] = {"wassenger": WASSENGER}
MESSAGE = OutboundMessage(to_phone=PHONE, text="Hello Ana", reference="campaign/1/contact/2/message_1")

Handler = Callable[[httpx.Request], httpx.Response]


@dataclass
class Platform:
    """A canned platform: answers with `answer`, or raises it, and keeps what it was asked."""

    answer: httpx.Response | Exception | Handler
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, httpx.Response):
            return httpx.Response(self.answer.status_code, headers=self.answer.headers, content=self.answer.content)
        return self.answer(request)

    @property
    def bodies(self) -> list[dict[str, object]]:
        """The JSON bodies of the requests, in order."""
        return [json.loads(request.content) for request in self.requests]


@asynccontextmanager
async def connectors_over(platform: Handler, timeout_seconds: float = 5.0) -> AsyncIterator[Connectors]:
    """Every registered connector over a canned platform."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        yield build_connectors(http, ConnectorUrls(wassenger=BASE), timeout_seconds)


@asynccontextmanager
async def wassenger_over(platform: Handler, base_url: str = BASE) -> AsyncIterator[WassengerConnector]:
    """The Wassenger connector over a canned platform."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as http:
        yield WassengerConnector(http, base_url=base_url, timeout_seconds=5.0)


@asynccontextmanager
async def wassenger_at(base_url: str, timeout_seconds: float = 5.0) -> AsyncIterator[WassengerConnector]:
    """The Wassenger connector over real sockets."""
    async with httpx.AsyncClient() as http:
        yield WassengerConnector(http, base_url=base_url, timeout_seconds=timeout_seconds)


def queued(**changes: object) -> dict[str, object]:
    """A message object as POST /messages answers it."""
    row: dict[str, object] = {
        "id": "65f0c0ffee65f0c0ffee65f0",
        "waId": None,
        "phone": PHONE,
        "message": "Hello Ana",
        "device": DEVICE,
        "reference": MESSAGE.reference,
        "status": "queued",
        "deliveryStatus": "pending",
        "webhookStatus": "pending",
        "createdAt": "2026-01-01T10:00:00.000Z",
        "deliverAt": "2026-01-01T10:00:00.000Z",
    }
    return row | changes


def raw_answer(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of an HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class BreakingServer:
    """A TCP server that reads each request whole and then does what its script says."""

    url: str
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def breaking_server(script: Script) -> AsyncIterator[BreakingServer]:
    """Serve `script` on a free port of 127.0.0.1; the script gets the streams after the request was read."""
    served = BreakingServer(url="")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            size = int(lengths[0].split(b":")[1]) if lengths else 0
            served.requests.append(head + await reader.readexactly(size))
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client went away first, which is what some tests are about
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield served
