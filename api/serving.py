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


class Server(uvicorn.Server):
    """uvicorn, which stops as we need it to."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stops serving when told, and leaves it at that: uvicorn would raise the signal again afterwards, which ends
        the process before its connections are closed."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops taking requests and waits for those in hand; streams of progress would last as long as campaigns."""
        app = self.config.app
        if isinstance(app, FastAPI):
            services: Services = app.state.services
            services.progress.close()
        await super().shutdown(sockets)
