"""What each part of the stack costs: processor seconds and memory, its children included."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Spent:
    """Processor seconds by part, at one moment or between two."""

    seconds: Mapping[str, float]

    def since(self, before: "Spent") -> "Spent":
        """What was spent from `before` until this."""
        return Spent({part: seconds - before.seconds.get(part, 0.0) for part, seconds in self.seconds.items()})

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.seconds.values())

    def milliseconds_each(self, count: int, *parts: str) -> float:
        """Milliseconds of the named parts (of all, when none is named) for each of `count` things."""
        return sum(self.seconds[part] for part in parts or self.seconds) * 1000 / count


@dataclass(frozen=True)
class Memory:
    """Bytes by part. `proportional` shares what several processes map among them: right for PostgreSQL's backends."""

    resident: Mapping[str, int]
    proportional: Mapping[str, int]


def processor_seconds(pids: Mapping[str, int]) -> Spent:
    """Processor seconds of processes, of the children that live and of those that were waited for."""
    return Spent({part: sum(map(_seconds, _family(pid))) for part, pid in pids.items()})


def memory(pids: Mapping[str, int]) -> Memory:
    """Memory of processes and their children."""
    resident, proportional = {}, {}
    for part, pid in pids.items():
        full = [info for process in _family(pid) if (info := _memory(process)) is not None]
        resident[part] = sum(rss for rss, _ in full)
        proportional[part] = sum(pss for _, pss in full)
    return Memory(resident, proportional)


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _seconds(process: psutil.Process) -> float:
    try:
        spent = process.cpu_times()
    except psutil.NoSuchProcess:  # a backend that ended just now: its parent tells of it from the next look on
        return 0.0
    waited_for = getattr(spent, "children_user", 0.0) + getattr(spent, "children_system", 0.0)
    return float(spent.user + spent.system + waited_for)


def _memory(process: psutil.Process) -> tuple[int, int] | None:
    try:
        info = process.memory_full_info()
    except psutil.NoSuchProcess:
        return None
    return info.rss, getattr(info, "pss", info.rss)
