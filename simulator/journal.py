"""The append-only file of JSON lines that everything the simulator knows can be rebuilt from."""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class JournalLockedError(RuntimeError):
    """Another simulator already writes to this data directory."""


class Journal:
    """One line per fact, handed to the kernel at once, so that a `kill -9` of the simulator loses nothing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise JournalLockedError(
                f"{path} is in use by another simulator: stop it, or give this one another --data-dir"
            ) from None

    def read(self) -> Iterator[Record]:
        """Every complete record; a last line cut by a kill is removed, as nobody was told about it."""
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield json.loads(line)
        self._file.truncate(whole)

    def append(self, record: Record) -> None:
        self._file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def clear(self) -> None:
        self._file.truncate(0)

    def close(self) -> None:
        self._file.close()
