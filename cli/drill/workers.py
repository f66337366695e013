"""Worker processes beside the stack's own, for faults that need several of them or stop them one by one."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cli.drill.waiting import until
from cli.stack.errors import PartFailedError
from cli.stack.process import Child, Command, last_lines, spawn, stop
from cli.stack.programs import ROOT
from cli.stack.stack import Stack

READY = "worker ready"
READY_SECONDS = 60.0
STOP_SECONDS = 25.0


async def start_worker(stack: Stack, name: str) -> Child:
    """Starts one more worker and waits until it polls. Raises `PartFailedError` when it ends instead."""
    log_file = stack.data_dir / "logs" / f"worker-{name}.log"
    argv = (sys.executable, "-m", "worker")
    # The port of the figures is the stack's own worker's.
    environment = {key: value for key, value in stack.environment.items() if key != "RELANCE_WORKER_METRICS_PORT"}
    child = await spawn(Command(argv, log_file, environment, ROOT, stop_seconds=STOP_SECONDS))

    async def ready() -> bool:
        return not child.running or READY in await asyncio.to_thread(log_file.read_text)

    await until(ready, f"worker {name} polls", READY_SECONDS)
    if not child.running:
        raise PartFailedError(f"worker {name} ended instead of starting; its last words:\n{last_lines(log_file)}")
    return child


@asynccontextmanager
async def more_workers(stack: Stack, count: int, prefix: str) -> AsyncIterator[list[Child]]:
    """Some more workers while the block runs; the list may be changed, what is in it at the end is stopped."""
    children: list[Child] = []
    try:
        starts = [start_worker(stack, f"{prefix}-{number}") for number in range(count)]
        children += await asyncio.gather(*starts)
        yield children
    finally:
        await asyncio.gather(*(stop(child) for child in children))
