"""How a rehearsal is told: who owns the time between sends, and the rows of the calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.statuses import DeliveryKind
from rehearsal.result import MOST_ROWS, Limit, Sent, calendar_of, limits_of, step_for

START = datetime(2027, 3, 3, 8, tzinfo=UTC)


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
    rows = calendar_of(sent, [START + timedelta(hours=1)], timedelta(hours=1))
    assert [(row.message_1, row.replies) for row in rows] == [(2, 0), (0, 1), (0, 0), (1, 0)]
    assert [row.starts_at.hour for row in rows] == [8, 9, 10, 11]


def test_nothing_sent_is_no_calendar() -> None:
    assert calendar_of([], [], timedelta(hours=1)) == []
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
