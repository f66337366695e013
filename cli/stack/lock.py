"""The lock on a data directory: one supervisor at a time, and a word about a former one that ended badly."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.stack.errors import AlreadyRunningError, StackError


@contextmanager
def locked(data_dir: Path) -> Iterator[int | None]:
    """Hold the directory while the block runs; gives the pid of a supervisor that ended without cleaning up, or None.

    The kernel frees the lock when its holder dies, however it dies; the pid inside is only for the message.
    Raises AlreadyRunningError while another supervisor holds it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (data_dir / "up.lock").open("a+")
    except OSError as error:
        raise StackError(f"cannot write in {data_dir} ({error.strerror}): set RELANCE_DATA_DIR to another") from error
    with file:
        former = _take(file.fileno(), data_dir)
        try:
            yield former
        finally:
            os.ftruncate(file.fileno(), 0)


def _take(descriptor: int, data_dir: Path) -> int | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunningError(
            f"the stack in {data_dir} is already running (pid {_pid(descriptor) or 'unknown'}): "
            f"stop it, or set RELANCE_DATA_DIR to another directory to run a second one"
        ) from None
    former = _pid(descriptor)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return former


def _pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None
