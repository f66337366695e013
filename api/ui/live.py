"""Pieces of pages that change by themselves: each state is read once, and written once for each language."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from time import monotonic
from typing import Any

from starlette.responses import StreamingResponse

from api.streams import HEARTBEAT, HEARTBEAT_SECONDS, Change, Ending, Hub, Key, State
from api.ui.rendering import fragment
from api.ui.visits import Visit

LONGEST_STREAM_SECONDS = 300.0
"""After this the browser connects again by itself; a person who was signed out meanwhile does not get in."""

RETRY = b"retry: 1000\n\n"
"""What a browser waits before it connects again, in milliseconds."""

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Write = Callable[[Visit, Any], str]
"""Turns a state into a piece of a page."""


def live(visit: Visit, hub: Hub[Key, State], key: Key, event: str, write: Write) -> StreamingResponse:
    """The stream of one viewer: `event` with the piece, now and at each change."""
    return StreamingResponse(_stream(visit, hub, key, event, write), media_type="text/event-stream", headers=HEADERS)


async def _stream(visit: Visit, hub: Hub[Key, State], key: Key, event: str, write: Write) -> AsyncIterator[bytes]:
    """A change that is none in words, as of an estimate that only the clock moved, is not told: the piece stays."""
    until = monotonic() + LONGEST_STREAM_SECONDS
    last, spoke_at = b"", monotonic()
    yield RETRY
    async with aclosing(hub.changes(key)) as changes:
        async for change in changes:
            told = last if change is None else _told(visit, change, event, write)
            if told != last or change is None or monotonic() - spoke_at >= HEARTBEAT_SECONDS:
                yield HEARTBEAT if told == last else told
                last, spoke_at = told, monotonic()
            if monotonic() > until:
                return


def _told(visit: Visit, change: Change[Any], event: str, write: Write) -> bytes:
    """The event, from those that were made already for viewers of this language who may do the same."""
    reader = (event, visit.language, visit.scopes)
    told = change.told.get(reader)
    if told is None:
        told = change.told[reader] = encoded(event, write(visit, change.state))
    return told


def encoded(event: str, piece: str) -> bytes:
    """A piece of a page as a server-sent event: each of its lines is a line of data. It has no number, so that two that
    say the same are the same; nothing asks for what came after a number, since a viewer gets the present state."""
    data = "".join(f"data: {line}\n" for line in piece.splitlines())
    return f"event: {event}\n{data}\n".encode()


def piece_of(template: str, **context: Any) -> Write:
    """Writes a state by a template, which knows it as `state`; `context` is what it needs besides."""

    def write(visit: Visit, state: Ending) -> str:
        return fragment(visit, template, state=state, **context)

    return write
