"""What our reading of Prometheus' language gives is what Prometheus gives, as its documentation has it."""

import math

import pytest

from tests.operations.fleet import Page
from tests.operations.promql import Labels, NotUnderstood, Scrape, evaluate, quantile, selectors

FIRST = """
calls_total{route="x"} 1
calls_total{route="fell"} 9
state{channel="a"} 0
state{channel="b"} 2
"""
THEN = """
calls_total{route="x"} 4
calls_total{route="fell"} 2
calls_total{route="new"} 1
state{channel="a"} 2
state{channel="b"} 1
took_bucket{le="1.0"} 0
took_bucket{le="5.0"} 5
took_bucket{le="10.0"} 10
took_bucket{le="+Inf"} 10
"""
OTHER = 'calls_total{route="x"} 7'

HISTORY = [
    Scrape(0, "one", Page(FIRST).samples),
    Scrape(60, "one", Page(THEN).samples),
    Scrape(60, "other", Page(OTHER).samples),
]


def labels(**pairs: str) -> Labels:
    return frozenset(pairs.items())


@pytest.mark.parametrize(
    ("expression", "given"),
    [
        ('max by (route) (calls_total{route="x"})', {labels(route="x"): 7}),
        ('sum(calls_total{route=~"x|new"})', {labels(): 12}),
        ('min by (instance) (calls_total{route!="new"}) == 2', {labels(instance="one"): 2}),
        ('sum by (route) (calls_total{route!~"x|n.w"})', {labels(route="fell"): 2}),
        ('sum(calls_total{route=~"n"})', {}),
        ("sum by (route) (increase(calls_total[10m])) > 0", {labels(route="x"): 3, labels(route="fell"): 2}),
        ("sum(rate(calls_total[5m]))", {labels(): 5 / 300}),
        ("sum(rate(calls_total[1m]))", {}),
        ("max by (channel) (min_over_time(state[5m])) > 0", {labels(channel="b"): 1}),
        ("max by (channel) (min_over_time(state[1m]))", {labels(channel="a"): 2, labels(channel="b"): 1}),
        ('absent(calls_total{route="y", instance!="one"})', {labels(route="y"): 1}),
        ('absent(calls_total{route="new"})', {}),
        ("histogram_quantile(0.75, sum by (le) (took_bucket)) > 5", {labels(): 7.5}),
        ("histogram_quantile(0.75, sum by (le) (rate(took_bucket[5m])))", {}),
        ("sum by (route) (calls_total unless calls_total offset 1m)", {labels(route="new"): 1, labels(route="x"): 7}),
        ("sum((calls_total > 6) or calls_total)", {labels(): 14}),
        ('sum((calls_total{route="x"} > 100) or calls_total{route="x"})', {labels(): 11}),
        ("sum by (route) (calls_total offset 2m)", {}),
    ],
)
def test_a_query_gives_what_prometheus_gives(expression: str, given: dict[Labels, float]) -> None:
    assert evaluate(expression, HISTORY, 60) == pytest.approx(given)


def test_what_was_not_scraped_for_five_minutes_is_not_there_any_more() -> None:
    assert evaluate("max(calls_total)", HISTORY, 359) == {labels(): 7}
    assert evaluate("max(calls_total)", HISTORY, 360) == {}
    assert evaluate("absent(calls_total)", HISTORY, 360) == {labels(): 1}


def test_a_quantile_lies_between_its_buckets_bounds() -> None:
    assert quantile(0.5, [(1, 0), (2, 10), (math.inf, 10)]) == 1.5
    assert quantile(0.5, [(1, 10), (math.inf, 10)]) == 0.5
    assert quantile(0.99, [(1, 5), (math.inf, 10)]) == 1, "above the last bound nothing more is known"
    assert math.isnan(quantile(0.5, [(1, 0), (math.inf, 0)])), "nothing was counted"
    assert math.isnan(quantile(0.5, [(1, 1), (2, 1)])), "no bucket holds them all"


@pytest.mark.parametrize(
    "expression",
    [
        "topk(3, calls_total)", "rate(calls_total)", "rate(calls_total[$__rate_interval])", "calls_total state",
        "sum(calls_total) by (route)", "calls_total > state", "calls_total * 2", 'calls_total{route="x"',
        "calls_total{route}", "sum(calls_total", "rate(calls_total[5m] offset 1m)", "calls_total and state", "a ! b",
        "",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said_and_not_guessed(expression: str) -> None:
    with pytest.raises(NotUnderstood):
        evaluate(expression, HISTORY, 60)


def test_the_conditions_of_a_query_are_found_also_in_one_that_is_not_understood() -> None:
    query = 'topk(8, rate(calls_total{route!~".*/events", status="500"}[$__rate_interval])) * 60 > max(state{a=~"b|c"})'
    found = [
        (selector.metric, [(matcher.label, matcher.sign, matcher.value) for matcher in selector.matchers])
        for selector in selectors(query)
    ]
    assert found == [
        ("calls_total", [("route", "!~", ".*/events"), ("status", "=", "500")]),
        ("state", [("a", "=~", "b|c")]),
    ]
