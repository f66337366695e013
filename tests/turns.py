"""Which process takes which file of tests: one those that judge times, which all others give way to."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parents[1]

MARK = "mark.alone"

QUIET_ROOMS = frozenset({"activities", "api", "connectors", "db", "domain", "replay", "simulator", "workflows"})
"""Their tests start no stack and no browser: what they take of the machine they give up when somebody else wants it."""

BEGINS_WITH = 2
"""How many tests a process knows of before it begins the first."""

LOWEST = 19
"""The priority, as `nice` counts, of who gives way."""


@cache
def judges_times(file: str) -> bool:
    """Whether a file (relative to the project) holds a test that is marked `alone`."""
    path = ROOT / file
    return path.is_file() and MARK in path.read_text("utf-8")


def is_quiet(file: str) -> bool:
    """Whether its tests may run beside one that judges times."""
    _tests, _, rest = file.partition("/")
    return rest.partition("/")[0] in QUIET_ROOMS


def give_way(file: str) -> None:
    """Lets a process that is one of several have the lowest priority from its first file on that judges no times."""
    if "PYTEST_XDIST_WORKER" in os.environ and not judges_times(file):
        os.nice(LOWEST)  # more than the lowest is the lowest


def next_file(waiting: Sequence[str], *, judges: bool, is_judged: bool, from_the_end: bool) -> str | None:
    """The file that a process takes of those that wait, None when it has to wait itself.

    `judges`: it is the one that takes what judges times, all of that before anything else; `is_judged`: something that
    judges times waits or runs, so that others take quiet ones only.
    """
    timed = [file for file in waiting if judges and judges_times(file)]
    if timed:
        return timed[0]
    rest = [file for file in waiting if not judges_times(file) and (judges or not is_judged or is_quiet(file))]
    if not rest:
        return None
    return rest[-1] if from_the_end else rest[0]


class InTurns(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
    """Gives out files in the order of their names, to every second process from the end.

    So each room runs as a whole in one process, which starts once what the room shares; and the processes are seldom in
    rooms of one kind, of which some compute and some wait. The first process begins with those that judge times; until
    they are over the others take quiet ones.
    """

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Also wakes those that had to wait."""
        super().mark_test_complete(node, item_index, duration)
        for other in self.nodes:
            self._provide(other)
        if not self.workqueue:
            for other in self.nodes:
                self._reschedule(other)

    def _provide(self, node: Any) -> None:
        """A process begins a test only once it knows the next, or that none comes: one alone would wait for ever."""
        left = None
        while left != len(self.workqueue) > 0 and self._pending_of(self.assigned_work[node]) < BEGINS_WITH:
            left = len(self.workqueue)
            self._reschedule(node)

    def _assign_work_unit(self, node: Any) -> None:
        nodes = list(self.assigned_work)
        place = nodes.index(node)
        waiting, is_judged = list(self.workqueue), self._is_judged()
        file = next_file(waiting, judges=place == 0, is_judged=is_judged, from_the_end=place % 2 == 1)
        if file is not None:
            self.workqueue.move_to_end(file, last=False)
            super()._assign_work_unit(node)

    def _is_judged(self) -> bool:
        """Whether a file that judges times waits or is not over."""
        begun = [item for files in self.assigned_work.values() for item in files.items()]
        under_way = [file for file, tests in begun if not all(tests.values())]
        return any(judges_times(file) for file in (*self.workqueue, *under_way))
