"""Which lines of the workflows' code the replay of histories walks."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from workflows.registry import WORKFLOWS

WORKFLOWS_ROOM = Path(__file__).parents[2] / "workflows"

Lines = dict[str, set[int]]


class Walk:
    """Notes every line of the workflows' room that the threads which it watches come by."""

    def __init__(self) -> None:
        self.lines: Lines = defaultdict(set)

    def watch(self) -> None:
        """Watches the present thread, from now on."""
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        file = Path(frame.f_code.co_filename)
        return self._step if file.parent == WORKFLOWS_ROOM else None

    def _step(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        self.lines[Path(frame.f_code.co_filename).name].add(frame.f_lineno)
        return self._step


async def walked_by(histories: Iterable[WorkflowHistory]) -> Lines:
    """The lines that today's code walks when it replays these; one after the other, sandbox included."""
    walk = Walk()
    with ThreadPoolExecutor(1, initializer=walk.watch) as thread:
        replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_task_executor=thread)
        for history in histories:
            await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return walk.lines


def lines_of(file: Path) -> set[int]:
    """Every line inside of the functions of a module."""
    found: set[int] = set()
    waiting: list[CodeType] = [compile(file.read_text(), str(file), "exec")]
    while waiting:
        code = waiting.pop()
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        if code.co_flags & 0x2:  # CO_NEWLOCALS: a function, neither the module nor a class body
            found |= {line for _, _, line in code.co_lines() if line and line != code.co_firstlineno}
    return found
