"""The application on a real server, in a thread with an event loop of its own."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

import uvicorn
from fastapi import FastAPI

START_SECONDS, STOP_SECONDS = 20.0, 20.0

MakeApp = Callable[[], AbstractAsyncContextManager[FastAPI]]


class Server(uvicorn.Server):
    """Ends its streams when it is told to stop, as the real process does; that one also listens to signals."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops."""
        app = self.config.app
        assert isinstance(app, FastAPI)
        app.state.services.close_streams()
        await super().shutdown(sockets)
        while self.server_state.connections:  # one that was accepted in the same moment was not told
            for connection in list(self.server_state.connections):
                connection.shutdown()
            await asyncio.sleep(0.01)


@contextmanager
def serving(make_app: MakeApp, port: int = 0) -> Iterator[str]:
    """Serves what `make_app` makes inside the server's loop, by default at a free port; gives the base address."""
    listener = socket.create_server(("127.0.0.1", port))
    server: list[Server] = []
    failure: list[BaseException] = []

    async def run() -> None:
        async with make_app() as app:
            server.append(Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)))
            await server[0].serve(sockets=[listener])

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            failure.append(error)
            raise

    thread = threading.Thread(target=main, name="api-server")
    thread.start()
    try:
        _wait_for(lambda: bool(failure) or (bool(server) and server[0].started))
        assert not failure, failure
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if server:
            server[0].should_exit = True
        thread.join(STOP_SECONDS)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
