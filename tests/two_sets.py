"""Runs the whole suite: tests that judge times keep half of the processors to themselves while all others go on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from tempfile import TemporaryFile

import psutil

TESTS = "not benchmark and not drill"
PYTEST = (sys.executable, "-m", "pytest")
ALONE = (*PYTEST, "-m", f"{TESTS} and alone")
SHARED = (*PYTEST, "-m", f"{TESTS} and not alone", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
"""Two processes, file by file in the order of their names: by the number of tests, the longest file (tests/kills)
would come last."""

PASSES = 10
"""A process that is just being started has the processors of its parent, which may have been looked at before."""


def main() -> int:
    """1 when a test of either set failed; what the first set said is printed after the second."""
    with TemporaryFile() as said, subprocess.Popen(ALONE, stdout=said, stderr=subprocess.STDOUT) as alone:
        with _started_on_half_of_the_processors(SHARED) as shared:
            failed = _end_of(alone)
            _give(_processors(), shared.pid)
            failed |= _end_of(shared)
        said.seek(0)
        sys.stdout.buffer.write(said.read())
    return int(failed)


def _end_of(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it ended with a failure. Ctrl-C reaches it by itself, being of the same group, and lets it clean up."""
    while True:
        try:
            return process.wait() != 0
        except KeyboardInterrupt:
            continue


def _processors() -> set[int]:
    """Those that this process may use; none where the system does not let one choose."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()


# A niceness would not do: Linux weighs sessions against each other (sched(7), autogroup), and each part of a stack is
# one of its own. Which processors a process may use is passed on to all that it starts.
def _started_on_half_of_the_processors(command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    every = _processors()
    half = set(sorted(every)[len(every) // 2 :])
    if not half:
        return subprocess.Popen(command)
    os.sched_setaffinity(0, half)
    try:
        return subprocess.Popen(command)
    finally:
        os.sched_setaffinity(0, every)


def _give(processors: set[int], pid: int) -> None:
    """To every thread of a process and of all that it has started."""
    for _ in range(PASSES if processors else 0):
        for thread in _threads(pid):
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setaffinity(thread, processors)


def _threads(pid: int) -> Iterator[int]:
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with suppress(psutil.NoSuchProcess):
            yield from (thread.id for thread in process.threads())


if __name__ == "__main__":
    sys.exit(main())
