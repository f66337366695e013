"""Counting billable actions, on stored histories; quick, and part of the ordinary tests."""

import json

import pytest
from temporalio.client import WorkflowHistory

from tests.benchmarks.billing import billable_actions
from tests.replay.record import HISTORIES


@pytest.mark.parametrize(
    ("story", "actions"),
    [
        ("enrollment_reply", ["start", "signal", "activity", "activity"]),  # the reply came before the wait
        ("enrollment_no_reply", ["start", "activity", "timer", "local activity"]),
        ("enrollment_failed", ["start", "activity"]),
        ("enrollment_stopped_while_held", ["start", "activity", "signal", "local activity"]),
    ],
)
def test_each_path_costs_what_its_history_shows(story: str, actions: list[str]) -> None:
    stored = json.loads((HISTORIES / f"{story}.json").read_text())
    history = WorkflowHistory.from_json(stored["workflow_id"], stored["history"])
    assert billable_actions(history.events) == len(actions)
