"""Workflows that are running when the code changes must not break: recorded histories replay on the code of today."""

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.baseline import HISTORIES, history_of
from tests.replay.careless import HastyEnrollment
from tests.replay.stories import STORIES
from workflows.registry import WORKFLOWS

FILES = sorted(HISTORIES.glob("*.json"))

CURE = """
{workflow} no longer does what the runs that are under way did; every one of them on this path would stop where it is.
  path: {story}
  {problem}
Either keep the old way beside the new one, `if workflow.patched("..."):` (docs/changing-workflows.md), or, if no run of
this workflow can be under way anywhere, record the path anew: `python -m tests.replay.record {story}`.
"""


def replayer(workflows: list[type]) -> Replayer:
    """Replays as the worker would, sandbox included."""
    return Replayer(workflows=workflows, data_converter=pydantic_data_converter)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_recorded_history_replays_on_todays_code(file: Path) -> None:
    history = history_of(file)
    result = await replayer(WORKFLOWS).replay_workflow(history, raise_on_replay_failure=False)

    assert result.replay_failure is None, CURE.format(
        workflow=type_of(history), story=file.stem, problem=result.replay_failure
    )


def test_every_story_has_its_history_and_every_workflow_a_story() -> None:
    assert [file.stem for file in FILES] == sorted(story.__name__ for story in STORIES)
    told = {type_of(history_of(file)) for file in FILES}
    assert told == {registered.__name__ for registered in WORKFLOWS}


def type_of(history: WorkflowHistory) -> str:
    """The workflow's type."""
    return str(history.events[0].workflow_execution_started_event_attributes.workflow_type.name)


async def test_a_careless_change_is_caught() -> None:
    careless = replayer([HastyEnrollment])

    with pytest.raises(workflow.NondeterminismError):
        await careless.replay_workflow(history_of(HISTORIES / "enrollment_reply.json"))
