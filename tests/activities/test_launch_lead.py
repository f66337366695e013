"""Nobody of a batch is due before its start is made."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from activities.campaigns import START_TAKES, launch_lead


@given(size=st.integers(1, 1000), delay=st.floats(0.0001, 60))
def test_a_start_that_takes_its_time_is_made_before_its_contact_is_due(size: int, delay: float) -> None:
    lead = launch_lead(size, delay)

    assert all(index * START_TAKES <= lead + timedelta(seconds=index * delay) for index in (0, size // 2, size - 1))


@given(size=st.integers(1, 1000), delay=st.floats(START_TAKES.total_seconds(), 60))
def test_a_pace_that_starts_keep_up_with_is_not_waited_for(size: int, delay: float) -> None:
    assert launch_lead(size, delay) == START_TAKES


def test_without_a_delay_nothing_is_waited_for() -> None:
    assert launch_lead(1000, 0) == timedelta(0)
