"""The estimate follows SPEC's formula and agrees with a run counted out message by message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.eta import LONGEST_TOLD, end_after, eta_seconds, in_steps

counts = st.integers(min_value=0, max_value=5000)
seconds = st.floats(min_value=0, max_value=600)
sizes = st.integers(min_value=1, max_value=1000)
channel_rates = st.floats(min_value=0.01, max_value=100)


def counted_out(sent: int, total: int, gap: float, size: int, pause: float) -> float:
    """A run under way: every message takes its gap, and each full batch but the last is followed by a pause."""
    spent = 0.0
    for position in range(sent, total):
        if position and position % size == 0:
            spent += pause
        spent += gap
    return spent


@given(st.integers(0, 120), st.integers(0, 120), seconds, st.integers(1, 40), seconds)
def test_it_agrees_with_a_run_counted_out_when_batches_are_full(
    sent_batches: int, left: int, gap: float, size: int, pause: float
) -> None:
    sent = sent_batches % 4 * size
    total = sent + left // size * size
    estimate = eta_seconds(total - sent, gap, size, pause, 1e9, started=sent > 0)
    assert estimate == pytest.approx(counted_out(sent, total, gap, size, pause), abs=1e-4)


@pytest.mark.parametrize(
    ("remaining", "started", "expected"),
    [(0, True, 0), (1, True, 2), (10, False, 20), (10, True, 50), (11, False, 52), (25, True, 110), (25, False, 110)],
)
def test_no_pause_follows_the_last_batch(remaining: int, started: bool, expected: float) -> None:
    assert eta_seconds(remaining, 2, 10, 30, 1, started=started) == expected


def test_the_channels_rate_binds_when_it_is_slower_than_the_delay() -> None:
    assert eta_seconds(100, 0, 50, 0, 1) == 100
    assert eta_seconds(100, 0, 50, 0, 0.5) == 200
    assert eta_seconds(100, 1, 50, 0, 1, sharers=3) == 300
    assert eta_seconds(100, 5, 50, 0, 1, sharers=3) == 500


@given(counts, counts, seconds, sizes, seconds, channel_rates, st.booleans())
def test_more_messages_never_take_less_time(
    one: int, other: int, delay: float, size: int, pause: float, rate: float, started: bool
) -> None:
    fewer, more = sorted((one, other))
    sooner = eta_seconds(fewer, delay, size, pause, rate, started=started)
    assert 0 <= sooner <= eta_seconds(more, delay, size, pause, rate, started=started)


@given(counts, seconds, seconds, sizes, seconds, channel_rates)
def test_a_longer_delay_or_pause_never_takes_less_time(
    count: int, one: float, other: float, size: int, pause: float, rate: float
) -> None:
    less, more = sorted((one, other))
    assert eta_seconds(count, less, size, pause, rate) <= eta_seconds(count, more, size, pause, rate)
    assert eta_seconds(count, pause, size, less, rate) <= eta_seconds(count, pause, size, more, rate)


@given(counts, seconds, sizes, seconds, channel_rates, st.integers(1, 20))
def test_another_campaign_on_the_channel_never_makes_it_faster(
    count: int, delay: float, size: int, pause: float, rate: float, sharers: int
) -> None:
    alone = eta_seconds(count, delay, size, pause, rate)
    assert alone <= eta_seconds(count, delay, size, pause, rate, sharers=sharers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"remaining": -1},
        {"batch_size": 0},
        {"sharers": 0},
        {"delay_seconds": -1.0},
        {"batch_pause_seconds": -1.0},
        {"channel_rate_per_second": 0.0},
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"remaining": 1, "delay_seconds": 1.0, "batch_size": 1, "batch_pause_seconds": 0.0}
    with pytest.raises(ValueError, match="an estimate needs"):
        eta_seconds(**{**right, "channel_rate_per_second": 1.0, **wrong})


def test_an_end_is_told_as_long_as_there_is_a_calendar_for_it() -> None:
    start = datetime(2099, 12, 31, tzinfo=UTC)
    assert end_after(start, 60) == start + timedelta(minutes=1)
    assert end_after(start, LONGEST_TOLD.total_seconds()) == start + LONGEST_TOLD
    assert end_after(start, LONGEST_TOLD.total_seconds() + 1) is None
    assert end_after(start, 1e300) is None


@given(st.floats(0, 1e7))
def test_an_estimate_in_steps_is_never_far_from_the_estimate(estimate: float) -> None:
    behind = estimate - in_steps(estimate)
    assert 0 <= behind < (1 if estimate < 60 else 10 if estimate < 3600 else 60)


def test_an_estimate_that_falls_with_the_clock_changes_once_in_a_step() -> None:
    assert len({in_steps(7200 - second) for second in range(1, 3601)}) == 60
    assert len({in_steps(3600 - second) for second in range(1, 3541)}) == 354
    assert len({in_steps(60 - second / 10) for second in range(1, 601)}) == 60
