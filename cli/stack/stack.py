"""The stack as a whole: its parts in their order, under one lock, found by other commands through the state file."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from signal import SIGKILL, Signals

from cli.stack.environment import Addresses, child_environment
from cli.stack.errors import PartFailedError, StackError
from cli.stack.lock import locked
from cli.stack.part import Part
from cli.stack.postgres import Postgres
from cli.stack.probes import free_port, get, is_free
from cli.stack.programs import api, migrate, simulator, worker
from cli.stack.state import (
    KEY_FILE,
    STATE_FILE,
    ProcessId,
    StackState,
    end_former_parts,
    read_api_key,
    write_private,
    write_state,
)
from cli.stack.supervisor import Supervised
from cli.stack.temporal import TemporalServer
from settings import Settings, external_temporal, local_url

ALL_PARTS = ("postgres", "temporal", "simulator", "migrations", "worker", "api")
NEED_SCHEMA = {"worker", "api"}
READY_SECONDS = 90.0

Say = Callable[[str], None]


def beside(settings: Settings) -> int:
    """The port after the API's for the worker's metrics, or any free one where that is taken."""
    port = settings.api_port + 1
    ours = {settings.temporal_port, settings.temporal_ui_port, settings.simulator_port}
    return port if port not in ours and is_free(settings.metrics_host, port) else free_port()


def log_line(sentence: str) -> None:
    """Where the stack's sentences go when nobody else wants them."""
    logging.getLogger("relance.stack").info(sentence)


class Stack:
    """A running stack. `kill` and `wait_ready` are for drills and tests."""

    def __init__(self, settings: Settings, parts: Collection[str], *, fast: bool = False, say: Say = log_line) -> None:
        self.settings = settings
        self.data_dir = settings.data_dir.resolve()
        self.new_api_key: str | None = None
        """The key of the first tenant, if this very start made it."""
        self.welcome_token: str | None = None
        """The end of the address where its owner signs in for the first time, until that was done."""
        self.wanted = self._needed(settings, parts)
        self._postgres = Postgres(self.data_dir, fast=fast)
        self._temporal = TemporalServer(self.data_dir, settings.temporal_port, settings.temporal_ui_port)
        self._worker_port = settings.worker_metrics_port or beside(settings)
        self.addresses = self._find_addresses()
        self.environment = child_environment(settings, self.data_dir, self.addresses, self._worker_port)
        """What a program of ours needs in its environment to belong to this stack."""
        self._say = say
        self._supervised: dict[str, Supervised] = {}
        self._keepers: set[asyncio.Task[None]] = set()

    @staticmethod
    def _needed(settings: Settings, parts: Collection[str]) -> set[str]:
        given = {
            "postgres": settings.database_url is not None,
            "temporal": external_temporal(),
            "simulator": not settings.uses_simulator,
        }
        return {part for part in parts if not given.get(part, False)}

    def _find_addresses(self) -> Addresses:
        runs = self.wanted.__contains__
        return Addresses(
            api=self.settings.api_url if runs("api") else "",
            docs=f"{self.settings.api_url}/docs" if runs("api") else "",
            temporal=self._temporal.address if runs("temporal") else "",
            temporal_ui=self._temporal.ui_url if runs("temporal") else "",
            worker=local_url(self.settings.metrics_host, self._worker_port) if runs("worker") else "",
            simulator=f"http://127.0.0.1:{self.settings.simulator_port}" if runs("simulator") else "",
            database=self._postgres.url if runs("postgres") else "",
        )

    @property
    def api_key(self) -> str | None:
        """The first tenant's API key: the operator's, or the one that the first start made."""
        given = self.settings.bootstrap_api_key
        return given.get_secret_value() if given is not None else read_api_key(self.data_dir)

    @property
    def welcome_url(self) -> str | None:
        """Where the first owner chooses a password; None once somebody has."""
        return f"{self.settings.public_url}/welcome/{self.welcome_token}" if self.welcome_token else None

    def pid(self, part: str) -> int:
        """Process id of a part. Raises StackError if it is not running."""
        return self._part(part).pid

    def kill(self, part: str, number: Signals = SIGKILL, *, down_seconds: float = 0.0) -> int:
        """End a part as a crash would (that process alone) and return its pid; it starts again by itself.

        `number` may be another signal, `down_seconds` how long it stays away at least.
        """
        return self._part(part).strike(number, down_seconds)

    async def wait_ready(self, part: str, seconds: float = READY_SECONDS) -> None:
        """Wait until a part works (again). Raises PartFailedError after `seconds`."""
        try:
            await asyncio.wait_for(self._part(part).ready.wait(), seconds)
        except TimeoutError:
            raise PartFailedError(f"{part} was not ready again within {seconds:.0f} s") from None

    async def wait_failed(self) -> None:
        """Wait as long as all goes well; once a part is given up, raise its PartFailedError."""
        if self._keepers:
            given_up, _ = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*given_up)

    def _part(self, name: str) -> Supervised:
        try:
            return self._supervised[name]
        except KeyError:
            raise StackError(f"{name} is not a part of this stack") from None

    async def start(self, leave: AsyncExitStack) -> None:
        """Start everything in order; `leave` receives how to stop each part, so it stops in reverse order."""
        ours = [make(self.settings, self.data_dir, self.environment) for make in (simulator, worker, api)]
        every: list[Part] = [self._postgres, self._temporal, *ours]
        parts = [part for part in every if part.name in self.wanted]
        for part in parts:
            part.check()
        await self._start_together(leave, [part for part in parts if part.name not in NEED_SCHEMA])
        if "migrations" in self.wanted:
            await self._migrate()
        await self._start_together(leave, [part for part in parts if part.name in NEED_SCHEMA])
        if self.wanted >= NEED_SCHEMA:
            await self._wait_all_ready()

    async def _start_together(self, leave: AsyncExitStack, parts: list[Part]) -> None:
        supervised = [Supervised(part, self._say, self._write_state) for part in parts]
        for one in supervised:
            self._supervised[one.part.name] = one
            leave.push_async_callback(one.stop)
        tasks = [asyncio.create_task(one.start()) for one in supervised]
        try:
            self._keepers.update(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _migrate(self) -> None:
        made = await migrate(self.data_dir, self.environment)
        self.new_api_key, self.welcome_token = made.api_key, made.welcome_token
        if self.new_api_key is not None:
            write_private(self.data_dir / KEY_FILE, self.new_api_key + "\n")

    async def _wait_all_ready(self) -> None:
        """Wait until everything works together, or a part is given up."""
        green, failed = asyncio.create_task(self._until_green()), asyncio.create_task(self.wait_failed())
        try:
            first, _ = await asyncio.wait({green, failed}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*first)
        finally:
            for task in (green, failed):
                task.cancel()
            await asyncio.gather(green, failed, return_exceptions=True)

    async def _until_green(self) -> None:
        """The API's own word that database, Temporal and a poller on every queue are there."""
        url = f"{self.addresses.api}/readyz"
        answer = None
        for _ in range(int(READY_SECONDS / 0.1)):
            answer = await get(url)
            if answer is not None and answer.is_success:
                return
            await asyncio.sleep(0.1)
        said = answer.text if answer is not None else "no answer"
        raise PartFailedError(f"{url} is not green after {READY_SECONDS:.0f} s ({said}); see {self.data_dir / 'logs'}")

    def _write_state(self) -> None:
        supervisor = ProcessId.of(os.getpid())
        running = {name: one.child.pid for name, one in self._supervised.items() if one.child is not None}
        found = {name: ProcessId.of(pid) for name, pid in running.items()}
        parts = {name: process for name, process in found.items() if process is not None}
        if supervisor is not None:
            write_state(self.data_dir, StackState(supervisor, self.addresses, parts))


@asynccontextmanager
async def running_stack(
    settings: Settings, parts: Collection[str] = ALL_PARTS, *, fast: bool = False, say: Say = log_line
) -> AsyncIterator[Stack]:
    """Run the stack, or some of its `parts`, while the block runs. `fast` is for tests (no fsync).

    Raises StackError (PortInUseError, AlreadyRunningError, PartFailedError) with a sentence for the operator.
    """
    unknown = set(parts) - set(ALL_PARTS)
    if unknown:
        raise StackError(f"no such part of the stack: {', '.join(sorted(unknown))}; there are {', '.join(ALL_PARTS)}")
    stack = Stack(settings, parts, fast=fast, say=say)
    with locked(stack.data_dir) as former:
        if former is not None:
            await _clean_up_after(former, stack.data_dir, say)
        async with AsyncExitStack() as leave:
            leave.callback((stack.data_dir / STATE_FILE).unlink, missing_ok=True)
            await stack.start(leave)
            yield stack


async def _clean_up_after(former: int, data_dir: Path, say: Say) -> None:
    left = await asyncio.to_thread(end_former_parts, data_dir)
    also = f"; stopped what it left behind ({', '.join(left)})" if left else ""
    say(f"the last run (pid {former}) ended without cleaning up: its lock on {data_dir} is taken over{also}")
