"""The application factory of the simulator: the platform's doors, the control API, and their one world."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from simulator.control import Control
from simulator.wassenger.accounts import Accounts
from simulator.wassenger.door import Door
from simulator.wassenger.messages import Messages
from simulator.world import SimulatorConfig, World

__all__ = ["SimulatorConfig", "create_app"]


def create_app(config: SimulatorConfig) -> FastAPI:
    """The data directory is taken when the application starts and given back when it stops.

    Breaking connections needs the server of `simulator.server`; everything else works under any ASGI server.
    """
    world = World(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await world.open()
        try:
            yield
        finally:
            await world.close()

    app = FastAPI(
        title="Relance simulator", lifespan=lifespan, openapi_url="/control/openapi.json", docs_url=None, redoc_url=None
    )
    door = Door(world)
    app.router.routes.extend([*Messages(world, door).routes(), *Accounts(world, door).routes()])
    app.include_router(Control(world).router())

    @app.get("/healthz")
    async def healthz() -> dict[str, object]:
        """Green also while the platform plays dead: it is the simulator that is asked."""
        return {"status": "ok", "down": world.is_down(), "posts": len(world.store.posts)}

    return app
