"""The process of one rehearsal: reads its brief, tells how far it is, says what came out. It ends with its input."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import uvloop

from rehearsal.closed import stay_on_this_machine
from rehearsal.facts import Brief
from rehearsal.stage import RehearsalError, rehearse
from rehearsal.words import Line

NICE = 10
"""Whoever answers people on this machine goes first."""


Say = Callable[[Line], None]


def mouth() -> Say:
    """Says lines on standard output; what anything else writes there goes to standard error from now on."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(line: Line) -> None:
        out.write(line.encode())

    return say


async def run(brief: Brief, say: Say) -> int:
    """Rehearses until the end, a signal, or the end of the input."""
    loop, rehearsing = asyncio.get_running_loop(), asyncio.current_task()
    if rehearsing is None:
        raise RuntimeError("a rehearsal runs in a task")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, rehearsing.cancel)
    # Whoever started it and is gone, however that came, leaves no rehearsal behind.
    threading.Thread(target=_until_input_ends, args=(loop, rehearsing), daemon=True).start()
    try:
        result = await rehearse(brief, lambda progress: say(Line(progress=progress)))
    except RehearsalError as error:
        say(Line(error=str(error)))
        return 1
    except asyncio.CancelledError:
        return 130
    say(Line(result=result))
    return 0


def _until_input_ends(loop: asyncio.AbstractEventLoop, rehearsing: "asyncio.Task[object]") -> None:
    while os.read(sys.stdin.fileno(), 4096):  # unbuffered: a reader that holds a lock would trouble the exit
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(rehearsing.cancel)


def give_way() -> None:
    """Lets everything else go first, where that is allowed."""
    # A service's system call filter may forbid it (deploy/systemd does): then the rehearsal runs as an equal.
    with suppress(PermissionError):
        os.nice(NICE)


def main() -> int:
    """The command; 130 when it was stopped."""
    stay_on_this_machine()
    give_way()
    return uvloop.run(run(Brief.model_validate_json(sys.stdin.buffer.readline()), mouth()))


if __name__ == "__main__":
    sys.exit(main())
