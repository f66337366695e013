"""Reads that all share who ask for the same thing within some seconds."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was read lately. `read` takes it from the database; a read that failed is not kept."""

    def __init__(self, read: Callable[[Key], Coroutine[Any, Any, Value]], *, seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._kept: dict[Key, tuple[float, asyncio.Task[Value]]] = {}

    async def get(self, key: Key) -> Value:
        """The value, at most so many seconds old. Who hangs up while it is read takes it from nobody else."""
        now = asyncio.get_running_loop().time()
        self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] < self._seconds}
        if key not in self._kept:
            task = asyncio.create_task(self._read(key))
            self._kept[key] = (now, task)
            task.add_done_callback(partial(self._forget_failure, key))
        return await asyncio.shield(self._kept[key][1])

    def _forget_failure(self, key: Key, task: asyncio.Task[Value]) -> None:
        kept = self._kept.get(key)
        if kept is not None and kept[1] is task and (task.cancelled() or task.exception() is not None):
            del self._kept[key]
