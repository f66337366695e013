"""How long the sending takes through closed windows agrees with a run counted out minute by minute."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.campaign_window import COMMON_WITHIN, common_opening
from domain.open_time import LOOKED_AHEAD, Windows, open_share, opening, time_needed
from domain.window import SendWindow

START = datetime(2026, 3, 27, 10, tzinfo=UTC)
"""A Friday; on Sunday the clocks of Europe change."""
HOUR = 3600.0


def window(start: int, end: int, zone: str = "UTC", days: str = "0123456") -> SendWindow:
    return SendWindow(start=time(start), end=time(end), days=frozenset(map(int, days)), time_zone=zone)


OFFICE = (window(9, 17, days="01234"),)
BEFORE_EUROPE_WAKES = (window(0, 18, "Australia/Lord_Howe", days="01234"),)
"""Until the clocks of Lord Howe change on 5 April, when it closes half an hour after Paris has opened at nine."""

windows = st.builds(
    lambda start, length, zone, days: (window(start, (start + length) % 24, zone, days),),
    st.integers(0, 23),
    st.integers(4, 20),
    st.sampled_from(["UTC", "Europe/Paris", "Australia/Lord_Howe"]),
    st.sampled_from(["0123456", "01234", "56"]),
)


def counted_out(work: dict[Windows, float]) -> float:
    """Half a minute of work at a time, shared by all that are open."""
    left, now, step = dict(work), START, 30.0
    while any(seconds > 1e-6 for seconds in left.values()):
        open_now = [one for one in left if left[one] > 1e-6 and all(each.is_open(now) for each in one)]
        todo = sum(left[one] for one in open_now)
        for one in open_now:
            left[one] -= left[one] * min(1.0, step / todo)
        now += timedelta(seconds=step)
    return (now - START).total_seconds()


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(windows, st.floats(60, 6 * HOUR), min_size=1, max_size=3))
@example({(window(19, 23, "Australia/Lord_Howe"),): 6 * HOUR})  # two hours of today's and all of tomorrow's
def test_it_agrees_with_a_run_counted_out(work: dict[Windows, float]) -> None:
    assert time_needed(START, work) == pytest.approx(counted_out(work), abs=120)


@pytest.mark.parametrize(
    ("work", "hours"),
    [
        ({}, 0),
        ({(): 5 * HOUR}, 5),
        ({OFFICE: 7 * HOUR}, 7),
        ({OFFICE: 8 * HOUR}, 3 * 24),
        ({(window(9, 12),): HOUR}, 1),
        ({(window(12, 13),): HOUR, (window(11, 20),): HOUR}, 3),
        ({(window(1, 4, "Europe/Paris"),): 5 * HOUR}, 24 + 24 - 7 - 1),
        ({(window(10, 11),): 14 * HOUR}, 13 * 24 + 1),
        ({(window(8, 10),): 28 * HOUR}, 14 * 24),
    ],
)
def test_it_waits_for_the_windows(work: dict[Windows, float], hours: float) -> None:
    assert time_needed(START, work) == pytest.approx(hours * HOUR)


@given(st.lists(windows, min_size=1, max_size=3), st.integers(0, 14 * 24 * 60))
@example([(window(9, 13, "Europe/Paris"),), BEFORE_EUROPE_WAKES], 0)
def test_it_opens_when_the_windows_say_so(groups: list[Windows], minutes: int) -> None:
    together, at = tuple(one for group in groups for one in group), START + timedelta(minutes=minutes)
    found = opening(at, together)
    try:
        assert found == common_opening(at, together)
    except ValueError:  # it looks ahead for nine days, the estimate for fourteen
        assert found is not None
        assert found > at + COMMON_WITHIN
        assert found == at + LOOKED_AHEAD or all(one.is_open(found) for one in together)


def test_work_that_can_never_be_done_and_work_of_many_weeks_have_an_end() -> None:
    never = (window(9, 10), window(11, 12))
    assert time_needed(START, {never: 1.0}) == LOOKED_AHEAD.total_seconds()
    assert open_share(START, never) == 0
    assert time_needed(START, {OFFICE: 800 * HOUR}) == pytest.approx(20 * 7 * 24 * HOUR, rel=0.02)


@pytest.mark.parametrize(("asked", "share"), [((), 1.0), (OFFICE, 40 / 168), ((window(0, 12),), 0.5)])
def test_the_share_of_the_week_that_is_open(asked: Windows, share: float) -> None:
    assert open_share(START, asked) == pytest.approx(share)
