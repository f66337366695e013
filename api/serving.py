"""The HTTP server of the API process."""

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from api.dependencies import Services

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept: longer than proxies (60 s) and clients (5 s) keep theirs, so that they end it.

Were the server first, a request that is on its way at that moment, a webhook among them, would find a closed door."""


class Server(uvicorn.Server):
    """uvicorn, which stops as we need it to."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float = 0) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stops serving when told, and leaves it at that: uvicorn would raise the signal again afterwards, which ends
        the process before its connections are closed."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def _told_to_stop(self) -> None:
        """Not ready from now on; goes on serving for a while, so that a load balancer notices. Told twice: at once."""
        services = self._services()
        first = services is not None and not services.draining.is_set()
        if services is not None:
            services.draining.set()
        delay = self._drain_seconds if first else 0.0
        asyncio.get_running_loop().call_later(delay, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    def _services(self) -> Services | None:
        app = self.config.app
        return app.state.services if isinstance(app, FastAPI) else None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops taking requests and waits for those in hand; streams of progress would last as long as campaigns."""
        services = self._services()
        if services is not None:
            services.close_streams()
        await super().shutdown(sockets)
