"""The state file `stack.json`: which processes the stack runs and where, so that other commands find them."""

import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from cli.stack.environment import Addresses

STATE_FILE = "stack.json"
KEY_FILE = "api.key"
SAME_PROCESS_SECONDS = 1.0
LEFTOVER_SECONDS = 10.0


@dataclass(frozen=True)
class ProcessId:
    """A process beyond doubt: pids are used again, so the time of its creation (Unix seconds) belongs to it."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The process that has the pid now, or None."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def find(self) -> psutil.Process | None:
        """That very process, if it lives."""
        now = ProcessId.of(self.pid)
        if now is None or abs(now.created - self.created) > SAME_PROCESS_SECONDS:
            return None
        process = psutil.Process(self.pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None


@dataclass(frozen=True)
class StackState:
    """What the state file says."""

    supervisor: ProcessId
    addresses: Addresses
    parts: Mapping[str, ProcessId] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """True while the supervisor that wrote it lives."""
        return self.supervisor.find() is not None


def read_state(data_dir: Path) -> StackState | None:
    """The state of the stack in a data directory; None if there is none, or if the file was cut short by a crash."""
    try:
        raw = json.loads((data_dir / STATE_FILE).read_text())
        parts = {name: ProcessId(**process) for name, process in raw["parts"].items()}
        return StackState(ProcessId(**raw["supervisor"]), Addresses(**raw["addresses"]), parts)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_state(data_dir: Path, state: StackState) -> None:
    """Replace the state file in one step; only its owner may read it."""
    write_private(data_dir / STATE_FILE, json.dumps(asdict(state), indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file in one step that its owner alone may read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def read_api_key(data_dir: Path) -> str | None:
    """The first tenant's key as the stack kept it, or None."""
    path = data_dir / KEY_FILE
    return path.read_text().strip() or None if path.exists() else None


def end_former_parts(data_dir: Path) -> list[str]:
    """Stop the processes that a killed supervisor left behind; returns their names. Waits a bounded time for them."""
    state = read_state(data_dir)
    found = {name: process.find() for name, process in state.parts.items()} if state else {}
    left = {name: process for name, process in found.items() if process is not None}
    for name, process in left.items():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    _gone, alive = psutil.wait_procs(list(left.values()), timeout=LEFTOVER_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return list(left)
