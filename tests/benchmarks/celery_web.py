"""The Celery baseline's web process, `python -m tests.benchmarks.celery_web <port>`: starts the job, takes webhooks."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request

from tests.benchmarks.celery_app import follow_up, send_message_1, send_message_2

KEPT = "INSERT INTO said (phone, kind, body, provider_id, at) VALUES ($1, 'reply', $2, $3, $4)"


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    """The database's connections."""
    async with asyncpg.create_pool(os.environ["BASELINE_DATABASE"], min_size=2, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=connected)


@app.post("/start")
async def start(phones: list[str]) -> int:
    """Message 1 to each."""
    for phone in phones:
        send_message_1.delay(phone)
    return len(phones)


@app.post("/follow-up")
async def plan(phones: list[str], seconds: float) -> int:
    """A message to each, so many seconds from now."""
    for phone in phones:
        follow_up.apply_async((phone,), countdown=seconds)
    return len(phones)


@app.post("/hook")
async def hook(event: dict[str, Any], request: Request) -> str:
    """A reply: kept first, then answered."""
    data = event["data"]
    await request.app.state.pool.execute(KEPT, data["fromNumber"], data["body"], data["id"], datetime.now(UTC))
    send_message_2.delay(data["fromNumber"])
    return "taken"


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
