"""A child process: started in a session of its own, logged to a file, stopped by signals with a bounded wait."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launcher.py")
LOG_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True)
class Command:
    """A program to run. `stop_signal` asks it to end in good order; `user` is a system user to run it as."""

    argv: tuple[str, ...]
    log_file: Path
    env: Mapping[str, str]
    cwd: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0


@dataclass
class Child:
    """A started command."""

    command: Command
    process: asyncio.subprocess.Process
    exited: asyncio.Task[int] = field(repr=False)
    """Wait for it by `ended`: awaiting the task itself would pass a cancellation on to it."""

    @property
    def pid(self) -> int:
        """Process id; the launcher replaces itself, so this is the program's own."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """False as soon as the exit was seen."""
        return not self.exited.done()

    async def ended(self) -> int:
        """Wait for the end; gives the exit status, negative for a signal."""
        return await asyncio.shield(self.exited)


def bare_environment(**extra: str) -> dict[str, str]:
    """The few variables that any program needs; none of the operator's settings or secrets go with them."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") if name in os.environ}
    return {**kept, **extra}


def rotate_log(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Keep one older generation of a log above the limit; writers append, so cutting the file under them is safe."""
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return
    older = path.with_name(path.name + ".1")
    older.write_bytes(path.read_bytes()[-limit_bytes:])
    os.truncate(path, 0)


def open_log(path: Path) -> IO[bytes]:
    """The part's log, opened for appending and cut to its limit first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rotate_log(path)
    return path.open("ab")


async def spawn(command: Command) -> Child:
    """Start the program in its own session, so that Ctrl-C in the terminal reaches the supervisor alone."""
    launch = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(command.stop_signal)))
    with open_log(command.log_file) as log:
        process = await asyncio.create_subprocess_exec(
            *launch,
            command.user or "-",
            *command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(command.env),
            cwd=command.cwd,
            start_new_session=True,
        )
    return Child(command, process, asyncio.create_task(process.wait(), name=f"wait-{process.pid}"))


async def stop(child: Child) -> int:
    """Ask the child to end, wait at most its `stop_seconds`, then kill it; returns its exit status."""
    if child.running:
        with suppress(ProcessLookupError):
            child.process.send_signal(child.command.stop_signal)
        await asyncio.wait({child.exited}, timeout=child.command.stop_seconds)
    if child.running:
        with suppress(ProcessLookupError):
            child.process.kill()
    return await child.ended()


def last_lines(path: Path, count: int = 5) -> str:
    """The end of a log, for an error message."""
    if not path.exists():
        return "(no log)"
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 8_192))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
