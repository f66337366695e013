"""The bare workflow's worker, tuned as ours is: `python -m tests.benchmarks.bare_worker <server> [driver's socket]`.

An activity tells the driver, if there is one, by one datagram that it was done, as a platform hears of a message.
"""

import asyncio
import signal
import socket
import sys

import uvloop
from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from tests.benchmarks.bare_workflow import QUEUE, SEND_QUEUE, Bare
from worker import GRACE, STICKY_SECONDS, WORKFLOW_TASKS, Tuning


async def run(server: str, driver: str | None = None) -> None:
    """Works until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    outlet = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if driver is not None:
        outlet.connect(driver)

    @activity.defn(name="bare.send")
    async def send(what: str) -> str:
        if driver is not None:
            outlet.send(what.encode())
        return what

    client = await Client.connect(server, data_converter=pydantic_data_converter)
    tuning = Tuning()
    ordinary = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare],
        max_cached_workflows=tuning.workflow_cache,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        sticky_queue_schedule_to_start_timeout=STICKY_SECONDS,
        disable_eager_activity_execution=True,
        graceful_shutdown_timeout=GRACE,
    )
    sending = Worker(
        client,
        task_queue=SEND_QUEUE,
        activities=[send],
        max_concurrent_activities=tuning.send_slots,
        graceful_shutdown_timeout=GRACE,
    )
    async with ordinary, sending:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()
    outlet.close()


if __name__ == "__main__":
    uvloop.run(run(*sys.argv[1:3]))
