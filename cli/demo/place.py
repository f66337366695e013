"""Where the demo plays: the stack that already runs in the data directory, or one of its own while it lasts."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from cli.connection import found_key
from cli.demo.ports import with_free_ports
from cli.stack.environment import Addresses
from cli.stack.errors import StackError
from cli.stack.stack import Stack, running_stack
from cli.stack.state import read_state
from cli.words import say
from settings import Settings


@dataclass(frozen=True)
class Place:
    """Addresses and key of a running stack; `own` tells whether it ends with the demo."""

    addresses: Addresses
    key: str
    own: "OwnStack | None" = None
    welcome_url: str | None = None
    """Where the owner signs in for the first time; None where that was done, or another process started the stack."""

    def check(self) -> None:
        """Raise the StackError for which the demo's own stack ended, if it did."""
        if self.own is not None:
            self.own.check()


class OwnStack:
    """A stack on a thread of its own, so that the demo may block and Ctrl-C still reaches it in the main thread.

    The thread lives as long as the stack: on Linux its processes are tied to the thread that started them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started: Future[Stack] = Future()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._failure: StackError | None = None
        self._thread = threading.Thread(target=self._live, name="stack")

    def start(self) -> Stack:
        """Start it and wait until it is up. Raises StackError."""
        self._thread.start()
        return self._started.result()

    def check(self) -> None:
        """Raise what the stack ended with."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop everything in good order and wait for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._run())
            except asyncio.CancelledError:
                self._tell(StackError("the stack was stopped before it was up"))
            except StackError as error:
                self._failure = error
                self._tell(error)

    def _tell(self, error: StackError) -> None:
        if not self._started.done():
            self._started.set_exception(error)

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        async with running_stack(self._settings, say=say) as stack:
            self._started.set_result(stack)
            await stack.wait_failed()


@contextmanager
def stage(settings: Settings) -> Iterator[Place]:
    """The place to play at. Raises StackError where only the real platform could be reached, or nothing can start."""
    if not settings.uses_simulator:
        raise StackError("the demo writes to simulated people only: unset RELANCE_WASSENGER_URL to run it")
    running = _running(settings)
    if running is not None:
        yield running
        return
    own = OwnStack(with_free_ports(settings))
    try:
        stack = own.start()
        yield Place(stack.addresses, stack.api_key or found_key(settings), own, stack.welcome_url)
    finally:
        own.stop()


def _running(settings: Settings) -> Place | None:
    state = read_state(settings.data_dir)
    if state is None or not state.running:
        return None
    if not state.addresses.simulator:
        raise StackError(
            f"the stack in {settings.data_dir} uses the real platform: give the demo a directory of its own "
            f"(RELANCE_DATA_DIR=.relance-demo)"
        )
    say(f"using the stack that runs in {settings.data_dir}")
    return Place(state.addresses, found_key(settings))
