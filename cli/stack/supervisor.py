"""The supervisor of one part: starts it, waits until it is ready, starts it again when it dies, stops it."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL, Signals

from cli.stack.errors import PartFailedError, StackError
from cli.stack.part import Part
from cli.stack.process import Child, last_lines, rotate_log, spawn, stop
from cli.stack.restarts import Deaths

POLL_SECONDS = 0.05
LOG_CHECK_SECONDS = 30.0


class Supervised:
    """One part and its present process."""

    def __init__(self, part: Part, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.part = part
        self.child: Child | None = None
        self.ready = asyncio.Event()
        self._say = say
        self._changed = changed
        self._keeper: asyncio.Task[None] | None = None
        self._stricken: float | None = None
        """Seconds to stay down, while a drill's own blow is what ends the process."""

    @property
    def pid(self) -> int:
        """Process id of the part; raises StackError when it is not running just now."""
        if self.child is None or not self.child.running:
            raise StackError(f"{self.part.name} is not running at the moment")
        return self.child.pid

    def strike(self, number: Signals, down_seconds: float) -> int:
        """End the present process from outside and leave the part down for so long; returns the pid."""
        pid = self.pid
        self.ready.clear()
        self._stricken = down_seconds
        os.kill(pid, number)
        return pid

    async def start(self) -> asyncio.Task[None]:
        """Start the part, wait until it is ready, and keep it alive from then on; the task fails when it is given up.

        Raises StackError if it cannot start.
        """
        await self._live()
        self._keeper = asyncio.create_task(self._keep_alive(), name=f"keep-{self.part.name}")
        return self._keeper

    async def stop(self) -> None:
        """Stop keeping it alive, then stop it."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError, StackError):
                await self._keeper
        self.ready.clear()
        if self.child is not None:
            await stop(self.child)

    async def _live(self) -> None:
        self.child = None  # if preparing fails, that is a death of its own and not the former process's
        self.part.check()
        await self.part.prepare()
        self.child = await spawn(self.part.command())
        self._changed()
        await self._until_ready(self.child)
        self.ready.set()

    async def _until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + self.part.ready_seconds
        while not await self.part.is_ready():
            if not child.running:
                raise PartFailedError(
                    self._last_words(f"ended with status {child.exited.result()} instead of starting")
                )
            if time.monotonic() > deadline:
                raise PartFailedError(self._last_words(f"was not ready within {self.part.ready_seconds:.0f} s"))
            await asyncio.sleep(POLL_SECONDS)

    def _last_words(self, what: str) -> str:
        return f"{self.part.name} {what}, see {self.part.log_file}; its last words:\n{last_lines(self.part.log_file)}"

    async def _keep_alive(self) -> None:
        deaths = Deaths()
        while True:
            status = await self._death()
            stricken, self._stricken = self._stricken, None
            if stricken is not None:  # whatever it ended with, this death is not held against it
                status = -SIGKILL
            delay = deaths.delay_after(status, time.monotonic())
            if delay is None:
                raise PartFailedError(self._last_words(f"died too often (last exit status {status}) and is given up"))
            delay = max(delay, stricken or 0.0)
            self._say(f"{self.part.name} ended with status {status}; starting it again in {delay:.1f} s")
            await asyncio.sleep(delay)
            await self._revive()

    async def _death(self) -> int:
        """Wait for the end of the present process, keeping its log within its limit meanwhile."""
        while self.child is not None and self.child.running:
            await asyncio.wait({self.child.exited}, timeout=LOG_CHECK_SECONDS)
            await asyncio.to_thread(rotate_log, self.part.log_file)
        self.ready.clear()
        return self.child.exited.result() if self.child is not None else 1

    async def _revive(self) -> None:
        """Start again; a start that fails ends as one more death, which the caller counts."""
        try:
            await self._live()
        except StackError as error:
            self._say(str(error))
            if self.child is not None:
                await stop(self.child)
        else:
            self._say(f"{self.part.name} runs again")
