"""`python -m tests.benchmarks.bare_intake`: the least that a webhook could do, as a server of its own.

`/insert` keeps the body by one INSERT, committed before the answer, in a table with the columns and indexes of ours;
`/nothing` answers at once.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import asyncpg
import uvicorn
from fastapi import FastAPI, Request

TENANT, CHANNEL = UUID(int=1), UUID(int=2)
TABLE = "CREATE TABLE bare_events (LIKE inbound_events INCLUDING ALL)"
INSERT = (
    "INSERT INTO bare_events (id, tenant_id, channel_id, dedupe_key, event_name, raw, attempts) "
    "VALUES ($1, $2, $3, $4, 'message:in:new', $5, 0)"
)


def plain_url(url: str) -> str:
    """A database's address without SQLAlchemy's name of the driver."""
    return unquote(urlsplit(url)._replace(scheme="postgresql").geturl())


def bare_app(database_url: str, connections: int) -> FastAPI:
    """The application; its pool is asyncpg's own, as its documentation shows."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url, min_size=connections, max_size=connections) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/insert")
    async def insert(request: Request) -> dict[str, str]:
        raw = await request.body()
        event_id = uuid4()
        async with app.state.pool.acquire() as connection:
            await connection.execute(INSERT, event_id, TENANT, CHANNEL, event_id.hex, raw)
        return {"status": "stored"}

    @app.post("/nothing")
    async def nothing(request: Request) -> dict[str, str]:
        await request.body()
        return {"status": "stored"}

    return app


if __name__ == "__main__":
    url, port, pool_size = sys.argv[1:]
    uvicorn.run(bare_app(url, int(pool_size)), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
