"""The send window opens by the clock on the wall, on days when that clock jumps too."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.window import SendWindow, next_opening

ZONES = ["Europe/Paris", "America/New_York", "Pacific/Auckland"]
# The clock changes of 2026, as (zone, first instant after the change).
CHANGES = [
    ("Europe/Paris", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Paris", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Pacific/Auckland", datetime(2026, 4, 4, 14, tzinfo=UTC)),
    ("Pacific/Auckland", datetime(2026, 9, 26, 14, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
]
quarters = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
minutes = st.integers(0, 24 * 60)


def window(start: str, end: str, zone: str = "Europe/Paris", days: set[int] | None = None) -> SendWindow:
    return SendWindow.model_validate(
        {"start": start, "end": end, "time_zone": zone, "days": days or {0, 1, 2, 3, 4, 5, 6}}
    )


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize(
    ("now", "start", "end", "opens"),
    [
        ("2026-01-05T12:00", "09:00", "18:00", None),
        ("2026-01-05T09:00", "09:00", "18:00", None),
        ("2026-01-05T08:59", "09:00", "18:00", "2026-01-05T09:00"),
        ("2026-01-05T18:00", "09:00", "18:00", "2026-01-06T09:00"),
        ("2026-01-05T23:00", "22:00", "06:00", None),
        ("2026-01-05T05:59", "22:00", "06:00", None),
        ("2026-01-05T06:00", "22:00", "06:00", "2026-01-05T22:00"),
        ("2026-01-05T03:00", "08:00", "08:00", None),
        ("2026-01-05T23:59", "09:00", "00:00", None),
        # 02:30 is not there on this day: it opens when the clock leaps over it.
        ("2026-03-29T01:30", "02:30", "05:00", "2026-03-29T03:00"),
        ("2026-03-28T19:00", "09:00", "18:00", "2026-03-29T09:00"),
        ("2026-10-24T19:00", "09:00", "18:00", "2026-10-25T09:00"),
    ],
)
def test_it_opens_next_at(now: str, start: str, end: str, opens: str | None) -> None:
    assert next_opening(paris(now).astimezone(UTC), window(start, end)) == (opens and paris(opens))


def test_an_hour_that_comes_twice_counts_twice() -> None:
    early = window("01:00", "02:30")
    closed = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45 summer time; at 01:00Z it is 02:00 once more
    assert next_opening(closed, early) == datetime(2026, 10, 25, 1, tzinfo=UTC)


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    friday_night = window("22:00", "06:00", days={4})
    assert friday_night.is_open(paris("2026-01-10T05:00"))
    assert not friday_night.is_open(paris("2026-01-09T05:00"))
    assert next_opening(paris("2026-01-10T06:00").astimezone(UTC), friday_night) == paris("2026-01-16T22:00")


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"time_zone": "Paris"}, "IANA"),
        ({"time_zone": "../etc"}, "IANA"),
        ({"days": [7]}, "Monday"),
        ({"days": []}, "days"),
        ({"start": "09:00+02:00"}, "on the wall"),
    ],
)
def test_an_impossible_window_is_refused(fields: dict[str, object], at_fault: str) -> None:
    with pytest.raises(ValidationError, match=at_fault):
        SendWindow.model_validate({"start": "09:00", "end": "18:00", "time_zone": "Europe/Paris", **fields})


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        next_opening(datetime(2026, 1, 5), window("09:00", "18:00"))


@given(st.sampled_from(CHANGES), minutes, quarters, quarters, st.sets(st.integers(0, 6), min_size=1))
@example(CHANGES[6], 24 * 60 + 15, time(22), time(1, 45), {0, 1, 2, 3, 4, 5, 6})
def test_around_a_clock_change_the_next_opening_is_open_and_nothing_before_it_is(
    change: tuple[str, datetime], minute: int, start: time, end: time, days: set[int]
) -> None:
    zone, instant = change
    now = instant - timedelta(hours=12) + timedelta(minutes=minute)
    quiet = SendWindow(start=start, end=end, days=frozenset(days), time_zone=zone)
    opens = next_opening(now, quiet)
    if opens is None:
        assert quiet.is_open(now)
        return
    assert opens > now
    assert quiet.is_open(opens)
    assert not quiet.is_open(opens - timedelta(seconds=1))
    # Windows here begin and end on quarters of an hour, and so do clock changes: these are all chances to be open.
    quarter = datetime.fromtimestamp(now.timestamp() // 900 * 900 + 900, UTC)
    while quarter < opens:
        assert not quiet.is_open(quarter)
        quarter += timedelta(minutes=15)


@given(st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), quarters, quarters)
def test_a_daily_window_is_never_closed_for_longer_than_a_day_and_a_clock_change(
    zone: str, now: datetime, start: time, end: time
) -> None:
    instant = now.replace(tzinfo=UTC)
    opens = next_opening(instant, SendWindow(start=start, end=end, time_zone=zone))
    assert opens is None or timedelta(0) < opens - instant <= timedelta(hours=49)
