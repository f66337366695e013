"""The label values that there are: what our code can export, and what Temporal says that its SDK does."""

import re
from functools import cache
from http import HTTPStatus
from typing import get_args

from fastapi.routing import iter_route_contexts

from activities.meter import Prevented as PreventedByWorker
from api import routers as of_api
from api.gauges import EVENT_STATES, OPEN_STATES, QUEUES
from api.meter import METHODS
from api.meter import Prevented as PreventedByApi
from api.platforms import Platform
from api.ui import routers as of_pages
from api.webhooks.processing import Taken
from domain.deliveries import ReceiptOutcome
from domain.gate import Reason
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from domain.statuses import ChannelStatus, DeliveryKind
from tests.operations.fleet import Page
from tests.operations.promql import Matcher, selectors

Values = frozenset[str]

PARTS_OF_A_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")

ANY = frozenset({"channel_id", "version", "le"})
"""Labels of ours without a fixed vocabulary: no query may look for one value of them."""


@cache
def templates() -> Values:
    """What a request can be counted under; `unknown` where no route was found. Reading all routes takes a while."""
    routes = iter_route_contexts([*of_api.routes(), *of_pages.routes()])
    return frozenset(route.path for route in routes if route.path) | {"unknown"}


KINDS: Values = frozenset(DeliveryKind)
PLATFORMS: Values = frozenset(Platform)
METHOD: dict[str, Values] = {"method": METHODS | {"other"}}
ANSWERS: Values = frozenset(str(status.value) for status in HTTPStatus) | {"0"}
QUEUE: dict[str, Values] = {
    "queue": frozenset(queue for queue, _, _ in QUEUES),
    "kind": frozenset(kind for _, kind, _ in QUEUES),
}

OURS: dict[str, dict[str, Values]] = {
    "relance_build_info": {"process": frozenset({"api", "worker"})},
    "relance_channel_breaker_state": {"platform": PLATFORMS},
    "relance_channels": {"platform": PLATFORMS, "status": frozenset(ChannelStatus)},
    "relance_deliveries_total": {"kind": KINDS, "outcome": frozenset(ReceiptOutcome)},
    "relance_doubles_prevented_total": {"by": frozenset(get_args(PreventedByApi) + get_args(PreventedByWorker))},
    "relance_holds_total": {"kind": KINDS, "reason": frozenset(Reason) | {"other"}},
    "relance_http_request_duration_seconds": METHOD,
    "relance_http_requests_total": {**METHOD, "status": ANSWERS},
    "relance_import_rows_total": {"result": frozenset({"added", "duplicate", "invalid"})},
    "relance_inbound_oldest_unprocessed_seconds": {"state": frozenset(EVENT_STATES)},
    "relance_inbound_unprocessed_events": {"state": frozenset(EVENT_STATES)},
    "relance_open_deliveries": {"status": frozenset(OPEN_STATES)},
    "relance_ready": {
        "check": frozenset({"database", "temporal", f"worker on {TASK_QUEUE}", f"worker on {SEND_TASK_QUEUE}"})
    },
    "relance_task_queue_age_seconds": QUEUE,
    "relance_task_queue_backlog": QUEUE,
    "relance_webhooks_total": {"platform": PLATFORMS, "result": frozenset(Taken) | {"forged", "malformed"}},
}
"""By metric and label; routes are apart, in `templates`."""

OF_THE_SDK: dict[str, dict[str, Values]] = {
    "temporal_worker_task_slots_available": {
        "worker_type": frozenset({"WorkflowWorker", "ActivityWorker", "LocalActivityWorker", "NexusWorker"})
    },
    "temporal_workflow_task_execution_failed_total": {
        "failure_reason": frozenset({"NonDeterminismError", "WorkflowError"})
    },
}
"""Of the labels that queries of ours may look into. Reasons: https://docs.temporal.io/references/sdk-metrics; workers:
crates/sdk-core/src/telemetry/metrics.rs of temporalio/sdk-core, since that page does not list them."""

KNOWN = OURS | OF_THE_SDK


def values_of(metric: str, label: str) -> Values | None:
    """The values that a label of this metric can have; None where nobody knows them."""
    if label == "route" and metric.startswith("relance_http_"):
        return templates()
    return KNOWN.get(metric, KNOWN.get(PARTS_OF_A_HISTOGRAM.sub("", metric), {})).get(label)


def wrong_values(expression: str) -> list[str]:
    """What a query looks for and nobody exports."""
    return [
        f"{wrong} of {selector.metric}"
        for selector in selectors(expression)
        for matcher in selector.matchers
        for wrong in _wrong(matcher, values_of(selector.metric, matcher.label))
    ]


def _wrong(matcher: Matcher, known: Values | None) -> list[str]:
    if known is None:
        return [f"{matcher.label} without known values"]
    if not matcher.sign.endswith("~"):
        return [] if matcher.value in known else [f"{matcher.label} {matcher.value}"]
    if "(" in matcher.value:  # whose inside would have to be taken apart too
        return [f"{matcher.label} {matcher.value} with parentheses"]
    alternatives = [re.compile(alternative) for alternative in matcher.value.split("|")]
    return [f"{matcher.label} {one.pattern}" for one in alternatives if not any(map(one.fullmatch, known))]


def strangers(page: Page) -> list[str]:
    """Label values on a page that are not known here, and labels of ours that are neither known nor open."""
    found = []
    for name, labels in page.samples:
        for label, value in labels:
            known = values_of(name, label)
            if known is not None and value not in known:
                found.append(f"{label} {value} of {name}")
            elif known is None and name.startswith("relance_") and label not in ANY:
                found.append(f"{label} of {name}")
    return found
