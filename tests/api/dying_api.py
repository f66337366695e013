"""The API as a process that dies where it is told to: `python -m tests.api.dying_api URL PORT SECRET [dies]`.

With `dies` it is killed, as by kill -9, after the effect of a write with an `Idempotency-Key` and before its answer is
kept. Claims are given up after a second, so that a test need not wait for a minute.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from typing import Any

import uvicorn
from sqlmodel.ext.asyncio.session import AsyncSession

from api.app import create_app
from db import answers
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows


async def _die(session: AsyncSession, key: str, status: int, body: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, port: int, secret: str, *, dies: bool) -> None:
    """Serves until it is killed."""
    answers.LEASE = timedelta(seconds=1)
    if dies:
        answers.keep = _die
    database = Database.connect(url, pool_size=2)
    app = create_app(database, RecordingWorkflows(), SecretBox([secret]), public_url="http://relance.test")
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")).serve()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], dies="dies" in sys.argv[4:]))
