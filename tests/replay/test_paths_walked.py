"""The histories tell every path: each line that a workflow can take is walked when they are replayed."""

import inspect
from pathlib import Path

from temporalio import workflow

from tests.replay.baseline import HISTORIES, history_of
from tests.replay.walked import WORKFLOWS_ROOM, lines_of, walked_by
from workflows.campaign import Campaign
from workflows.campaign_process import Process
from workflows.registry import WORKFLOWS

FILES = sorted({Path(inspect.getfile(told)) for told in [*WORKFLOWS, Process]})

VALIDATORS = [
    validator
    for definition in [workflow._Definition.must_from_class(Campaign)]
    for update in definition.updates.values()
    if (validator := update.validator) is not None
]
"""A replay does not ask them: what they let in is on record, and what they refused is not."""

NEVER_REPLAYED = [*VALIDATORS, Campaign._refuse_early]


async def test_every_line_of_every_workflow_is_walked_by_some_history() -> None:
    walked = await walked_by(history_of(file) for file in sorted(HISTORIES.glob("*.json")))

    missed = {
        f"{file.name}:{line} {text}"
        for file in FILES
        for line in lines_of(file) - walked[file.name] - _left_out(file)
        for text in [file.read_text().splitlines()[line - 1].strip()]
    }
    assert missed == set(), (
        "No recorded history takes these lines, so nobody would notice when a change breaks the runs that took them. "
        "Tell a story that does (tests/replay/stories.py) and record it: python -m tests.replay.record NAME"
    )


def _left_out(file: Path) -> set[int]:
    left_out: set[int] = set()
    for function in NEVER_REPLAYED:
        if Path(inspect.getfile(function)) == file:
            lines, first = inspect.getsourcelines(function)
            left_out |= set(range(first, first + len(lines)))
    return left_out


def test_the_room_of_workflows_is_where_it_is_looked_for() -> None:
    assert {file.parent for file in FILES} == {WORKFLOWS_ROOM}
