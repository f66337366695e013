"""Board and alerts look only for label values that there are: a mistyped one would be silent for ever (OPS-3)."""

import pytest

from tests.operations.queries import expressions
from tests.operations.seen import Seen
from tests.operations.vocabulary import OURS, strangers, wrong_values

NOT_ALL_MET = {"kind", "method", "reason", "status of relance_http_requests_total"}
"""Labels of which no page here shows every value; the reasons are counted in tests/activities/test_send_gate.py."""


def test_every_query_looks_for_values_that_there_are() -> None:
    asked = list(expressions())
    assert len(asked) > 30
    assert {name: wrong for name, expression in asked if (wrong := wrong_values(expression))} == {}


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        (
            'max(relance_inbound_oldest_unprocessed_seconds{state="waitng"}) > 120',
            ["state waitng of relance_inbound_oldest_unprocessed_seconds"],
        ),
        ('max(relance_inbound_oldest_unprocessed_seconds{state="waiting"}) > 120', []),
        ('relance_channels{status=~"credentials_expired|bloked"} > 0', ["status bloked of relance_channels"]),
        ('relance_channels{platform="wassenger", status=~"credentials_expired|blocked"} > 0', []),
        ('max(relance_ready{check=~"workers on .+"}) == 0', ["check workers on .+ of relance_ready"]),
        ('max(relance_ready{check=~"worker"}) == 0', ["check worker of relance_ready"]),
        ('relance_http_requests_total{status!="5000"}', ["status 5000 of relance_http_requests_total"]),
        (
            'rate(relance_http_request_duration_seconds_bucket{route!~".*/event"}[$__rate_interval])',
            ["route .*/event of relance_http_request_duration_seconds_bucket"],
        ),
        (
            'increase(temporal_workflow_task_execution_failed_total{failure_reason!="NondeterminismError"}[15m]) > 0',
            ["failure_reason NondeterminismError of temporal_workflow_task_execution_failed_total"],
        ),
        (
            'relance_channel_breaker_state{channel_id="7e57ab1e"}',
            ["channel_id without known values of relance_channel_breaker_state"],
        ),
        ('relance_open_deliveries{state="held"}', ["state without known values of relance_open_deliveries"]),
        (
            'relance_channels{status=~"(paused|bloked)"}',
            ["status (paused|bloked) with parentheses of relance_channels"],
        ),
    ],
)
def test_a_value_that_nobody_exports_is_noticed(expression: str, wrong: list[str]) -> None:
    assert wrong_values(expression) == wrong


async def test_what_is_exported_is_known(seen: Seen) -> None:
    pages = [page for pages in (seen.calm, seen.trouble) for page in pages.values()]
    assert [stranger for page in pages for stranger in strangers(page)] == []


async def test_what_is_known_is_exported(seen: Seen) -> None:
    shown = {
        (name, label, value)
        for pages in (seen.calm, seen.trouble)
        for page in pages.values()
        for name, labels in page.samples
        for label, value in labels
    }
    missing = [
        f"{label} {value} of {name}"
        for name, labels in OURS.items()
        for label, values in labels.items()
        for value in values
        if not {label, f"{label} of {name}"} & NOT_ALL_MET and (name, label, value) not in shown
    ]
    assert missing == []
