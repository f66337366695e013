"""Pacing refuses what makes no sense, and the adaptive delay stays in its bounds."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.pacing import (
    ERROR_RATE_LIMIT,
    FLOOR_STEP_SECONDS,
    MINIMUM_SAMPLE,
    QUEUE_HEADROOM,
    Pacing,
    adapt_delay,
    batch_offsets,
    launch_spacing,
)

delays = st.floats(min_value=0, max_value=1000)
rates = st.floats(min_value=0, max_value=1)
samples = st.integers(min_value=0, max_value=500)


@st.composite
def pacings(draw: st.DrawFn) -> Pacing:
    low, delay, high = sorted(draw(st.tuples(delays, delays, delays)))
    return Pacing(delay_seconds=delay, min_delay_seconds=low, max_delay_seconds=high)


def test_bounds_that_are_not_given_follow_from_the_delay() -> None:
    assert (Pacing().min_delay_seconds, Pacing().max_delay_seconds) == (1.0, 60.0)
    slow = Pacing.model_validate({"delay_seconds": 30, "min_delay_seconds": None, "max_delay_seconds": None})
    assert (slow.min_delay_seconds, slow.max_delay_seconds) == (30.0, 300.0)
    assert Pacing(delay_seconds=86_400).max_delay_seconds == 86_400


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": 86_401}, "delay_seconds"),
        ({"delay_seconds": float("nan")}, "delay_seconds"),
        ({"delay_seconds": "soon"}, "delay_seconds"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1001}, "batch_size"),
        ({"batch_pause_seconds": -0.1}, "batch_pause_seconds"),
        ({"min_delay_seconds": 2}, "min_delay_seconds"),
        ({"delay_seconds": 70, "max_delay_seconds": 60}, "max_delay_seconds"),
    ],
)
def test_an_impossible_pacing_is_refused_with_one_error_that_names_the_field(
    fields: dict[str, object], at_fault: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Pacing.model_validate(fields)
    assert [error["loc"] for error in refused.value.errors()] == [(at_fault,)]


def test_a_new_delay_widens_bounds_that_the_change_does_not_name() -> None:
    assert Pacing().changed(delay_seconds=0.2).min_delay_seconds == 0.2
    assert Pacing().changed(delay_seconds=90).max_delay_seconds == 90
    assert Pacing().changed(batch_size=7, delay_seconds=None) == Pacing(batch_size=7)
    with pytest.raises(ValidationError, match="min_delay_seconds"):
        Pacing().changed(delay_seconds=1, min_delay_seconds=5)


@given(pacings())
def test_a_pacing_survives_its_own_json(pacing: Pacing) -> None:
    assert Pacing.model_validate_json(pacing.model_dump_json()) == pacing


@given(delays, pacings(), rates, samples)
def test_the_delay_never_leaves_its_bounds(current: float, pacing: Pacing, rate: float, sample: int) -> None:
    adapted = adapt_delay(current, pacing, rate, sample)
    assert pacing.min_delay_seconds <= adapted <= pacing.max_delay_seconds
    assert adapted >= pacing.delay_seconds


@given(delays, pacings(), rates, rates, samples)
def test_more_errors_never_make_it_faster(
    current: float, pacing: Pacing, one: float, other: float, sample: int
) -> None:
    fewer, more = sorted((one, other))
    assert adapt_delay(current, pacing, fewer, sample) <= adapt_delay(current, pacing, more, sample)


@given(delays, delays, pacings(), rates, samples)
def test_a_longer_delay_never_becomes_the_shorter_one(
    one: float, other: float, pacing: Pacing, rate: float, sample: int
) -> None:
    assume(sample < MINIMUM_SAMPLE or rate > ERROR_RATE_LIMIT)
    shorter, longer = sorted((one, other))
    assert adapt_delay(shorter, pacing, rate, sample) <= adapt_delay(longer, pacing, rate, sample)


@given(delays, pacings(), st.floats(min_value=0, max_value=ERROR_RATE_LIMIT))
def test_it_comes_back_to_the_configured_delay_and_stays(current: float, pacing: Pacing, rate: float) -> None:
    delay = current
    for _ in range(30):
        delay = adapt_delay(delay, pacing, rate, MINIMUM_SAMPLE)
    assert delay == pacing.delay_seconds
    assert adapt_delay(delay, pacing, rate, MINIMUM_SAMPLE) == delay


@given(pacings(), rates)
def test_a_small_sample_changes_nothing(pacing: Pacing, rate: float) -> None:
    assert adapt_delay(pacing.max_delay_seconds, pacing, rate, MINIMUM_SAMPLE - 1) == pacing.max_delay_seconds


def test_it_grows_by_half_and_shrinks_by_the_same_step() -> None:
    pacing = Pacing(delay_seconds=2)
    assert adapt_delay(2, pacing, 0.051, 20) == 3
    assert adapt_delay(3, pacing, 0.05, 20) == 2


def test_no_delay_at_all_can_still_slow_down_and_recover() -> None:
    pacing = Pacing(delay_seconds=0)
    grown = adapt_delay(0, pacing, 0.5, 20)
    assert grown == FLOOR_STEP_SECONDS
    assert adapt_delay(grown, pacing, 0.5, 20) > grown
    assert adapt_delay(grown, pacing, 0, 20) == 0


@given(st.integers(min_value=0, max_value=200), delays)
def test_a_batch_is_spread_evenly_from_its_first_instant(count: int, delay: float) -> None:
    offsets = batch_offsets(count, delay)
    assert len(offsets) == count
    assert offsets == sorted(offsets)
    assert offsets[:2] == [0.0, delay][:count]


def test_a_negative_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        batch_offsets(-1, 1)


@given(delay=st.floats(0, 3600), rate=st.floats(0.01, 1000))
def test_a_batch_comes_at_its_delay_or_hardly_faster_than_its_channel_takes_it(delay: float, rate: float) -> None:
    spacing = launch_spacing(delay, rate)

    assert spacing >= 1 / (rate * QUEUE_HEADROOM) * 0.999
    assert spacing <= max(delay, 1 / rate)


def test_a_campaign_without_delay_is_not_handed_to_its_channel_all_at_once() -> None:
    assert launch_spacing(0, 10) == pytest.approx(1 / (10 * QUEUE_HEADROOM))
