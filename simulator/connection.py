"""Answers that come late or break the connection, and the server protocol that lets them."""

import asyncio
import socket
import struct
from typing import cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

# With SO_LINGER on and no time to linger, closing sends RST in place of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)

# Headers must have left before the reset: a reset may overtake what still waits in the sender's buffer.
_HEADERS_LEAVE_SECONDS = 0.05


class BreakableProtocol(H11Protocol):
    """The ordinary HTTP/1.1 protocol, which hands itself to each request (`scope["state"]["connection"]`)."""

    holding = False  # an answer is being withheld: whoever stops the server need not wait for it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}

    def shutdown(self) -> None:
        if self.holding:
            self.transport.abort()
        else:
            super().shutdown()

    def cut(self, *, reset: bool) -> None:
        connection: socket.socket | None = self.transport.get_extra_info("socket")
        if reset and connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()


def _connection(scope: Scope) -> BreakableProtocol:
    return cast(BreakableProtocol, scope["state"]["connection"])


async def _hangup(receive: Receive) -> None:
    """Return once the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _hold(scope: Scope, receive: Receive, seconds: float) -> bool:
    """Say nothing for so long; False when the client has gone meanwhile."""
    connection = _connection(scope)
    connection.holding = True
    try:
        async with asyncio.timeout(seconds):
            await _hangup(receive)
        return False
    except TimeoutError:
        return True
    finally:
        connection.holding = False


async def _cut(scope: Scope, receive: Receive, *, reset: bool) -> None:
    _connection(scope).cut(reset=reset)
    await _hangup(receive)


class CutResponse(Response):
    """No answer: the TCP connection is closed (FIN), or reset (RST), after an optional silence in seconds."""

    def __init__(self, *, reset: bool = False, silence: float = 0.0) -> None:
        super().__init__()
        self._reset = reset
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await _hold(scope, receive, self._silence):
            await _cut(scope, receive, reset=self._reset)


class ResetInBodyResponse(Response):
    """The status line, the headers and half of the body of another answer, then a reset."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self._whole.body)
        start = {"type": "http.response.start", "status": self._whole.status_code, "headers": self._whole.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await asyncio.sleep(_HEADERS_LEAVE_SECONDS)
        await _cut(scope, receive, reset=True)


class LateResponse(Response):
    """Another answer, so many seconds later."""

    def __init__(self, whole: Response, seconds: float) -> None:
        super().__init__()
        self._whole = whole
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await _hold(scope, receive, self._seconds):
            await self._whole(scope, receive, send)
