"""Runs the whole suite: tests that judge times go first on the processors, all others take what these leave."""

import subprocess
import sys
from tempfile import TemporaryFile

TESTS = "not benchmark and not drill"
PYTEST = (sys.executable, "-m", "pytest")
ALONE = (*PYTEST, "-m", f"{TESTS} and alone")
SHARED = (*PYTEST, "-m", f"{TESTS} and not alone", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
"""Two processes, file by file in the order of their names: by the number of tests, the longest file (tests/kills)
would come last."""

LAST = ("nice", "-n", "19")
"""A process at this niceness gets 1.5 % of a processor that one at the usual niceness wants (sched(7))."""


def main() -> int:
    """1 when a test of either set failed; what the first set said is printed after the second."""
    with TemporaryFile() as said, subprocess.Popen(ALONE, stdout=said, stderr=subprocess.STDOUT) as alone:
        with subprocess.Popen((*LAST, *SHARED)) as shared:
            statuses = _end_of(shared), _end_of(alone)
        said.seek(0)
        sys.stdout.buffer.write(said.read())
    return int(any(statuses))


def _end_of(process: "subprocess.Popen[bytes]") -> int:
    """Its status. Ctrl-C reaches it by itself, as it is of the same group, and lets it clean up."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main())
