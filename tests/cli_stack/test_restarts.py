"""When a dead part is started again, and when it is given up."""

from hypothesis import given
from hypothesis import strategies as st

from cli.stack.restarts import KILLS, LONGEST_DELAY, OWN_DEATHS, WINDOW_SECONDS, Deaths


def test_a_part_that_keeps_ending_by_itself_is_given_up() -> None:
    deaths = Deaths()
    delays = [deaths.delay_after(1, now=float(moment)) for moment in range(OWN_DEATHS + 1)]
    assert delays[-1] is None
    assert None not in delays[:-1]


def test_twenty_kills_in_a_row_are_survived_without_a_growing_wait() -> None:
    deaths = Deaths()
    assert {deaths.delay_after(-9, now=float(moment)) for moment in range(20)} == {0.1}


def test_even_kills_come_to_an_end() -> None:
    deaths = Deaths()
    assert [deaths.delay_after(-9, now=0.5 * moment) for moment in range(KILLS + 1)][-1] is None


def test_a_crash_by_its_own_signal_is_a_death_of_its_own() -> None:
    deaths = Deaths()
    assert [deaths.delay_after(-11, now=0.0) for _ in range(OWN_DEATHS + 1)][-1] is None


@given(st.lists(st.floats(min_value=WINDOW_SECONDS / OWN_DEATHS + 0.1, max_value=1e6), min_size=1, max_size=100))
def test_a_part_that_dies_rarely_is_never_given_up_and_waits_within_bounds(gaps: list[float]) -> None:
    deaths, now = Deaths(), 0.0
    for gap in gaps:
        now += gap
        delay = deaths.delay_after(1, now)
        assert delay is not None
        assert 0 < delay <= LONGEST_DELAY
