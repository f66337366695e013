"""Heartbeats and pauses for activities that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Beats at half the activity's heartbeat timeout while the block runs, so that a dead worker is soon noticed."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return
    beat = asyncio.create_task(_beat(timeout.total_seconds() / 2))
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.wait([beat])


async def rest(seconds: float) -> None:
    """Waits so long; if this worker is told to stop meanwhile, the activity is left to another worker at once."""
    try:
        await asyncio.wait_for(activity.wait_for_worker_shutdown(), seconds)
    except TimeoutError:
        return
    raise ApplicationError(
        "This worker is stopping; another takes the activity up.",
        type="WorkerStopping",
        category=ApplicationErrorCategory.BENIGN,
    )


async def _beat(every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)  # before the first one: most activities are over sooner
        activity.heartbeat()
