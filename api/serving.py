"""The HTTP server of the API process."""

import socket

import uvicorn
from fastapi import FastAPI

from api.dependencies import Services


class Server(uvicorn.Server):
    """uvicorn, which ends the streams of progress first: they would last as long as their campaigns."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops taking requests and waits for those in hand."""
        app = self.config.app
        if isinstance(app, FastAPI):
            services: Services = app.state.services
            services.progress.close()
        await super().shutdown(sockets)
