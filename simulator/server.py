"""Runs the simulator's application on a real socket: as a process, or beside other code in a running loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from simulator.app import SimulatorConfig, create_app
from simulator.connection import BreakableProtocol
from simulator.journal import Journal
from simulator.store import JOURNAL

# A faulty answer may hold its connection for long; whoever stops the simulator need not wait for it.
_GRACE_SECONDS = 1
_KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection, so that none is closed under a request."""


class GuestServer(uvicorn.Server):
    """A server that lives in somebody else's loop: signals are theirs, and it says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def check_data_dir(config: SimulatorConfig) -> None:
    """Raises JournalLockedError early, in words: once the server starts, it would be a traceback."""
    Journal(config.data_dir / JOURNAL).close()


def server_config(config: SimulatorConfig, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(config),
        host=host,
        port=port,
        http=BreakableProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def loopback_listener() -> socket.socket:
    """A socket on a free loopback port.

    The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it every
    answer on a kept connection waits 40 ms for a delayed acknowledgement.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener


@contextlib.asynccontextmanager
async def serving(config: SimulatorConfig) -> AsyncIterator[str]:
    """A simulator on a free loopback port; yields its base URL without a trailing slash (the platform is at `/v1`).

    Raises JournalLockedError or OSError when it cannot start.
    """
    check_data_dir(config)
    with loopback_listener() as listener:
        server = GuestServer(server_config(config))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        up = asyncio.create_task(server.up.wait())
        await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if running.done():
            await running
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
