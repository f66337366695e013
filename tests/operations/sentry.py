"""A Sentry that listens on a loopback port and keeps what it is sent."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request

from cli.stack.probes import free_port
from tests.journeys.building import serving_api


class Sentry:
    """What came, as it came and as events."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://publickey@127.0.0.1:{port}/1"
        self.bodies: list[str] = []
        self.events: list[dict[str, Any]] = []

    def take(self, body: bytes) -> None:
        """One envelope: a header, then items, each a header line and a payload line."""
        text = body.decode()
        self.bodies.append(text)
        lines = text.splitlines()[1:]
        for header, payload in zip(lines[::2], lines[1::2], strict=True):
            if json.loads(header)["type"] == "event":
                self.events.append(json.loads(payload))

    def of(self, **tags: str) -> list[dict[str, Any]]:
        """The events with these tags."""
        return [event for event in self.events if tags.items() <= event["tags"].items()]


@asynccontextmanager
async def listening() -> AsyncIterator[Sentry]:
    """The server while the block runs."""
    port = free_port()
    sentry, app = Sentry(port), FastAPI()

    @app.post("/api/1/envelope/")
    async def envelope(request: Request) -> dict[str, str]:
        body = await request.body()
        sentry.take(gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body)
        return {}

    async with serving_api(app, port):
        yield sentry
