"""The baseline: what each path asks of Temporal, in order, as a text that a reviewer can read.

A workflow that replays must ask for the same things in the same order. The histories hold that among a thousand other
things; here it stands alone, so that a change of it shows in a diff, also when the histories were recorded anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

HISTORIES = Path(__file__).parent / "histories"
BASELINES = Path(__file__).parent / "baselines"

PATCH_MARKER = "core_patch"
LOCAL_ACTIVITY_MARKER = "core_local_activity"


def history_of(file: Path) -> WorkflowHistory:
    """A history as it was recorded."""
    recorded = json.loads(file.read_text())
    return WorkflowHistory.from_json(recorded["workflow_id"], recorded["history"])


def commands_of(history: WorkflowHistory) -> list[str]:
    """What a workflow asked for, a line each."""
    names: dict[int, str] = {}
    return [line for event in history.events for line in _command(event, names)]


PLAIN: dict[int, str] = {
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_TIMER_CANCELED: "cancel timer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: "answer update",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "complete",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continue as new",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "fail",
}


def _command(event: HistoryEvent, names: dict[int, str]) -> Iterator[str]:
    if event.event_type in PLAIN:
        yield PLAIN[event.event_type]
    elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        asked = event.activity_task_scheduled_event_attributes
        names[event.event_id] = asked.activity_type.name
        yield (
            f"activity {asked.activity_type.name} on {asked.task_queue.name}, priority "
            f"{asked.priority.priority_key or 'none'}, within {_seconds(asked.start_to_close_timeout)}"
        )
    elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
        scheduled = event.activity_task_cancel_requested_event_attributes.scheduled_event_id
        yield f"cancel activity {names[scheduled]}"
    elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
        yield _marker(event)
    elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        accepted = event.workflow_execution_update_accepted_event_attributes.accepted_request
        yield f"accept update {accepted.input.name}"


def _marker(event: HistoryEvent) -> str:
    marker = event.marker_recorded_event_attributes
    if marker.marker_name == LOCAL_ACTIVITY_MARKER:
        data = json.loads(marker.details["data"].payloads[0].data)
        return f"local activity {data['activity_type']}"
    if marker.marker_name == PATCH_MARKER:
        data = json.loads(marker.details["patch-data"].payloads[0].data)
        return f"patch {data['id']}{', deprecated' if data['deprecated'] else ''}"
    return f"marker {marker.marker_name}"


def _seconds(duration: Duration) -> str:
    return f"{duration.ToTimedelta().total_seconds():g} s"


def baseline_file(story: str) -> Path:
    """Where the baseline of a story is kept."""
    return BASELINES / f"{story}.txt"


def write_baselines() -> None:
    """Writes the baseline of every recorded history."""
    BASELINES.mkdir(exist_ok=True)
    for file in HISTORIES.glob("*.json"):
        lines = commands_of(history_of(file))
        baseline_file(file.stem).write_text("\n".join(lines) + "\n")
