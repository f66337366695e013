"""The largest body that an address takes; more is refused while it is read, never held in memory."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import TooLarge

MEGABYTE = 1_000_000


class BodyLimit:
    """ASGI middleware: reading more than `limit_for(path, content type)` bytes of a body raises TooLarge."""

    def __init__(self, app: ASGIApp, limit_for: Callable[[str, str], int]) -> None:
        self._app = app
        self._limit_for = limit_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit_for(scope["path"], headers.get("content-type", ""))
        await self._app(scope, _limited(receive, limit, headers.get("content-length", "")), send)


def _limited(receive: Receive, limit: int, announced: str) -> Receive:
    total = 0

    async def limited() -> Message:
        nonlocal total
        # Refused at the first read and not before, so that a missing key is still told first.
        if announced.isdecimal() and int(announced) > limit:
            raise _too_large(limit)
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise _too_large(limit)
        return message

    return limited


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit // MEGABYTE} MB; send less at once.")
