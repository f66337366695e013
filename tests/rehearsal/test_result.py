"""How a rehearsal is told: who owns the time between sends, and the rows of the calendar."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.statuses import DeliveryKind
from rehearsal.result import HOUR, MOST_ROWS, STEPS, Limit, Sent, calendar_of, limits_of, step_for

START = datetime(2027, 3, 3, 8, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/Havana",  # the clocks go back to midnight: it comes twice
    "America/Santiago",  # they leap over midnight
    "America/Nuuk",  # they go back to the day before
    "Asia/Kathmandu",  # 5 h 45 min ahead
    "Australia/Lord_Howe",  # half an hour of summer time
    "Pacific/Kiritimati",
)


def first(
    at: float, due: float, held_by: Limit | None = None, paced_by: Limit = Limit.DELAY, shut_at: float | None = None
) -> Sent:
    moments = [None if seconds is None else START + timedelta(seconds=seconds) for seconds in (at, due, shut_at)]
    return Sent(DeliveryKind.MESSAGE_1, moments[0] or START, moments[1] or START, paced_by, held_by, moments[2])


def test_a_gap_belongs_to_the_pace_until_the_message_was_due_and_then_to_what_held_it() -> None:
    sent = [first(0, 0), first(10, 10), first(100, 20, Limit.SEND_WINDOW), first(101, 30, Limit.RATE)]
    assert {one.limit: (one.seconds, one.messages) for one in limits_of(sent)} == {
        Limit.SEND_WINDOW: (80, 1),
        Limit.DELAY: (20, 1),
        Limit.RATE: (1, 1),
    }


def test_a_window_that_was_shut_owns_the_time_between_the_pace_and_the_launch() -> None:
    sent = [first(0, 0), first(105, 100, Limit.RATE, shut_at=10), first(115, 115)]
    assert {one.limit: (one.seconds, one.messages) for one in limits_of(sent)} == {
        Limit.CAMPAIGN_WINDOW: (90, 1),
        Limit.DELAY: (20, 1),
        Limit.RATE: (5, 1),
    }


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6),
            st.floats(0, 1e6),
            st.sampled_from([None, *Limit]),
            st.sampled_from(Limit),
            st.none() | st.floats(0, 1e6),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_all_limits_together_own_the_time_from_the_first_to_the_last(
    rows: list[tuple[float, float, Limit | None, Limit, float | None]],
) -> None:
    sent = [first(*row) for row in rows]
    span = max(one.at for one in sent) - min(one.at for one in sent)
    assert sum(one.seconds for one in limits_of(sent)) == pytest.approx(span.total_seconds(), abs=0.01)
    assert all(one.seconds >= 0 for one in limits_of(sent))


def test_the_calendar_has_every_row_between_the_first_and_the_last() -> None:
    sent = [first(0, 0), first(3599, 3599), first(3 * 3600, 3 * 3600)]
    rows = calendar_of(sent, [START + timedelta(hours=1)], timedelta(hours=1), PARIS)
    assert [(row.message_1, row.replies) for row in rows] == [(2, 0), (0, 1), (0, 0), (1, 0)]
    assert [row.starts_at.hour for row in rows] == [8, 9, 10, 11]


def at_noon(month: int, day: int) -> datetime:
    """Noon in Paris."""
    return datetime(2027, month, day, 12, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(("month", "day"), [(3, 28), (10, 31), (7, 14)])
def test_a_row_of_a_day_is_a_day_there_also_when_it_has_23_or_25_hours(month: int, day: int) -> None:
    midnight = datetime.combine(at_noon(month, day).date(), time(), PARIS)
    last_minute = (midnight + timedelta(days=1)).astimezone(UTC) - timedelta(minutes=1)
    moments = [midnight.astimezone(UTC), at_noon(month, day), last_minute, last_minute + timedelta(minutes=1)]
    rows = calendar_of([], moments, timedelta(days=1), PARIS)
    assert [(row.starts_at, row.replies) for row in rows] == [
        (midnight.astimezone(UTC), 3),
        (last_minute + timedelta(minutes=1), 1),
    ]


def test_rows_of_three_hours_go_by_the_clock_on_the_wall_through_a_change_of_it() -> None:
    before = datetime(2027, 10, 30, 22, 30, tzinfo=PARIS).astimezone(UTC)
    rows = calendar_of([], [before, before + timedelta(hours=13)], timedelta(hours=3), PARIS)
    assert [f"{row.starts_at.astimezone(PARIS):%H:%M}" for row in rows] == ["21:00", "00:00", "03:00", "06:00", "09:00"]
    assert rows[2].starts_at - rows[1].starts_at == timedelta(hours=4)


def test_a_day_whose_midnight_comes_twice_begins_with_the_first() -> None:
    havana = ZoneInfo("America/Havana")
    midnight = datetime(2027, 11, 7, tzinfo=havana).astimezone(UTC)
    moments = [midnight + timedelta(hours=hours) for hours in (-0.5, 0.5, 1.5, 24.5, 25.5)]
    rows = calendar_of([], moments, timedelta(days=1), havana)
    assert [row.replies for row in rows] == [1, 3, 1]
    assert [row.starts_at for row in rows[1:]] == [midnight, midnight + timedelta(hours=25)]


def test_a_day_whose_midnight_was_leapt_over_begins_where_the_clocks_landed() -> None:
    """In Toronto of 1919 they went from half past eleven to half past midnight."""
    toronto = ZoneInfo("America/Toronto")
    leap = datetime(1919, 3, 31, 0, 30, tzinfo=toronto).astimezone(UTC)
    rows = calendar_of([], [leap - timedelta(minutes=1), leap, leap + timedelta(hours=1)], timedelta(days=1), toronto)
    assert [(row.starts_at, row.replies) for row in rows[1:]] == [(leap, 2)]


def test_an_hour_that_comes_twice_is_two_rows() -> None:
    before = datetime(2027, 10, 31, 1, 30, tzinfo=PARIS).astimezone(UTC)
    rows = calendar_of([], [before, before + timedelta(hours=3)], HOUR, PARIS)
    assert [f"{row.starts_at.astimezone(PARIS):%H:%M %z}" for row in rows] == [
        "01:00 +0200",
        "02:00 +0200",
        "02:00 +0100",
        "03:00 +0100",
    ]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(STEPS),
    st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)) | st.sampled_from([datetime(2027, 3, 27, 23, 59)]),
    st.lists(st.floats(0, MOST_ROWS), min_size=1, max_size=12),
)
def test_each_row_holds_just_what_clocks_there_show_between_two_multiples_of_the_step(
    name: str, step: timedelta, begin: datetime, offsets: list[float]
) -> None:
    zone = ZoneInfo(name)
    moments = [begin.replace(tzinfo=UTC) + step * offset for offset in offsets]
    rows = calendar_of([], moments, step, zone)
    starts = [row.starts_at for row in rows]
    assert starts == sorted(set(starts))

    places = [bisect_right(starts, at) - 1 for at in moments]
    assert (min(places), max(places)) == (0, len(rows) - 1)
    assert [row.replies for row in rows] == [places.count(row) for row in range(len(rows))]
    walls = [at.astimezone(zone) for at in moments]
    for one, other in combinations(zip(places, walls, strict=True), 2):
        alike = _part_of_day(one[1], step) == _part_of_day(other[1], step)
        assert alike or one[0] != other[0]
        if step > HOUR or one[1].utcoffset() == other[1].utcoffset():  # else the hour that comes twice
            assert (one[0] == other[0]) == alike


def _part_of_day(wall: datetime, step: timedelta) -> tuple[date, int]:
    shown = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    return wall.date(), shown // step


def test_nothing_sent_is_no_calendar() -> None:
    assert calendar_of([], [], timedelta(hours=1), PARIS) == []
    assert limits_of([]) == []


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (timedelta(0), timedelta(seconds=1)),
        (timedelta(seconds=36), timedelta(seconds=1)),
        (timedelta(hours=24), timedelta(hours=1)),
        (timedelta(hours=37), timedelta(hours=3)),
        (timedelta(days=30), timedelta(days=1)),
    ],
)
def test_rows_are_as_fine_as_a_page_allows(span: timedelta, step: timedelta) -> None:
    assert step_for(START, START + span) == step
    assert span / step <= MOST_ROWS
