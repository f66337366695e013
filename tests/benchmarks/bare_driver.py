"""Starts bare workflows and answers them: `python -m tests.benchmarks.bare_driver <server> <socket> <count> <open>`.

It prints `ready`, waits for a line, runs `count` workflows with at most `open` of them at once, and prints how long it
took. Signals are sent as soon as Message 1 is heard of, by a bounded number of senders.
"""

import asyncio
import socket
import sys
import time

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.benchmarks.bare_workflow import QUEUE, Bare

SENDERS = 20


class Driver:
    """Counts what the worker tells."""

    def __init__(self, client: Client, inlet: socket.socket, count: int, most_open: int) -> None:
        self._client = client
        self._inlet = inlet
        self._count = count
        self._open = asyncio.Semaphore(most_open)
        self._gate = asyncio.Semaphore(SENDERS)
        self._answered: set[str] = set()
        self._done: set[str] = set()

    async def run(self) -> float:
        """Seconds from the first start to the last Message 2."""
        begin = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(tasks))
            for number in range(self._count):
                await self._open.acquire()
                tasks.create_task(self._start(f"bare/{number}"))
        return time.monotonic() - begin

    async def _start(self, workflow_id: str) -> None:
        async with self._gate:
            await self._client.start_workflow(Bare.run, id=workflow_id, task_queue=QUEUE)

    async def _hear(self, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while len(self._done) < self._count:
            what, _, workflow_id = (await loop.sock_recv(self._inlet, 1000)).decode().partition(" ")
            if what == "1":
                tasks.create_task(self._answer(workflow_id))
            elif workflow_id not in self._done:
                self._done.add(workflow_id)
                self._open.release()

    async def _answer(self, workflow_id: str) -> None:
        if workflow_id in self._answered:
            return
        self._answered.add(workflow_id)
        async with self._gate:
            await self._client.get_workflow_handle(workflow_id).signal(Bare.reply_received)


async def run(server: str, path: str, count: int, most_open: int) -> None:
    """The command."""
    inlet = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inlet.bind(path)
    inlet.setblocking(False)
    client = await Client.connect(server, data_converter=pydantic_data_converter)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    seconds = await Driver(client, inlet, count, most_open).run()
    sys.stdout.write(f"{seconds}\n")
    inlet.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
