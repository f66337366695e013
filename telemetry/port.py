"""A port for a process that serves nothing else: its metrics, whether it lives, whether it works."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telemetry.page import TEXT_FORMAT

Metrics = Callable[[], Awaitable[bytes]]
Missing = Callable[[], Awaitable[list[str]]]


class _Guest(uvicorn.Server):
    """A server in somebody else's loop: signals are theirs."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """The port, taken. Raises OSError when it cannot be."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


async def lacking(
    looks: Mapping[str, Callable[[], Awaitable[object]]], within: timedelta, errors: tuple[type[Exception], ...]
) -> list[str]:
    """Which of several things do not answer in time, or with an error of theirs."""

    caught: tuple[type[Exception], ...] = (TimeoutError, *errors)

    async def answers(look: Callable[[], Awaitable[object]]) -> bool:
        try:
            async with asyncio.timeout(within.total_seconds()):
                await look()
        except caught:
            return False
        return True

    found = await asyncio.gather(*(answers(look) for look in looks.values()))
    return [name for name, there in zip(looks, found, strict=True) if not there]


@contextlib.asynccontextmanager
async def served(listener: socket.socket, metrics: Metrics, missing: Missing) -> AsyncIterator[None]:
    """`/metrics`, `/healthz` and `/readyz` while the block runs; `missing` names what the process lacks."""
    config = uvicorn.Config(
        _application(metrics, missing), log_config=None, access_log=False, server_header=False, ws="none",
        lifespan="off", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Guest(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="observation port")
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


def _application(metrics: Metrics, missing: Missing) -> Starlette:
    async def show(_request: Request) -> Response:
        return Response(await metrics(), media_type=TEXT_FORMAT)

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        lacks = await missing()
        return JSONResponse({"status": "not ready" if lacks else "ready", "missing": lacks}, 503 if lacks else 200)

    return Starlette(routes=[Route("/metrics", show), Route("/healthz", alive), Route("/readyz", ready)])
