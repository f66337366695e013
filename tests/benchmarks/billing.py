"""Billable actions of a workflow, counted in its history by the rules that Temporal publishes for its Cloud.

Source: https://docs.temporal.io/evaluate/cloud/actions (read in November 2026). A start, an activity and each of its
retries, a timer, a signal and an accepted update are one action each; all local activities of one workflow task are one
together. Search attributes given at the start cost nothing. Heartbeats are billed too and leave no event, and so do
schedules; both are left out here. Fairness, which paces our sends, adds a tenth to every action of its namespace.
"""

from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

FAIRNESS_SURCHARGE = 0.1

ONE_EACH = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)


def billable_actions(events: Iterable[HistoryEvent]) -> int:
    """Actions that a history shows, without the surcharge."""
    actions, tasks_with_markers = 0, set()
    for event in events:
        actions += event.event_type in ONE_EACH
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            actions += event.activity_task_started_event_attributes.attempt - 1
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            tasks_with_markers.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
    return actions + len(tasks_with_markers)


def billed(events: Iterable[HistoryEvent]) -> float:
    """What would be billed, the surcharge for fairness included."""
    return billable_actions(events) * (1 + FAIRNESS_SURCHARGE)
