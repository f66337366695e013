"""The drill's judge sees a planted double, a planted loss and a send that nobody asked about."""

from itertools import accumulate
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.demo.evidence import Evidence, Imported, Reply, Seen, Told
from cli.drill.judgement import (
    heard_within,
    in_flight,
    judged,
    missing,
    most_in_any_second,
    over_the_rate,
    repeats,
    resent_unasked,
    settle_seconds,
)
from cli.drill.outcome import Outcome, Tally

PHONE = "+33639980001"
CLEAN_LOG: dict[str, Any] = {"by_reference_doubles": [], "by_text_doubles": []}


def evidence(told: Told, seen: Seen) -> Evidence:
    """Both accounts of a campaign of one person that is over."""
    states = ("pending", "sending", "sent", "delivered", "read", "failed", "suppressed", "unknown", "cancelled")
    counts = dict.fromkeys([*states, "replied", "message_2_sent", "no_reply", "opted_out"], 0)
    counts |= {"total": 1, told.message_1: 1, "replied": int(told.replied_at is not None)}
    counts["message_2_sent"] = int(told.message_2 == "sent")
    return Evidence("completed", counts, Imported(1, 1, 0, 0), (told,), (seen,), window_seconds=60)


def test_two_accounts_that_agree_leave_nothing_to_complain_about() -> None:
    told = Told(PHONE, "sent", sent_at=1.0, replied_at=5.0, message_2="sent")
    seen = Seen(PHONE, message_1=(1.0,), message_2=(6.0,), replies=(Reply(4.0, 5.0),))

    assert judged(evidence(told, seen), CLEAN_LOG) == Tally()


def test_a_message_that_arrived_twice_is_a_double_by_person() -> None:
    told = Told(PHONE, "sent", sent_at=1.0)

    tally = judged(evidence(told, Seen(PHONE, message_1=(1.0, 2.0))), CLEAN_LOG)

    assert tally.doubles == 1
    assert any("arrived 2 times" in words for words in tally.problems)


@pytest.mark.parametrize("name", ["by_reference_doubles", "by_text_doubles"])
def test_a_double_that_only_the_log_shows_is_counted(name: str) -> None:
    told = Told(PHONE, "sent", sent_at=1.0)

    tally = judged(evidence(told, Seen(PHONE, message_1=(1.0,))), {**CLEAN_LOG, name: [{"count": 3}]})

    assert tally.doubles == 2


def test_a_message_that_never_arrived_and_a_reply_without_an_answer_are_losses() -> None:
    unsent = judged(evidence(Told(PHONE, "sent", sent_at=1.0), Seen(PHONE)), CLEAN_LOG)
    seen = Seen(PHONE, message_1=(1.0,), replies=(Reply(4.0, 5.0),))
    unanswered = judged(evidence(Told(PHONE, "sent", sent_at=1.0, replied_at=5.0), seen), CLEAN_LOG)

    assert (unsent.lost, unanswered.lost) == (1, 1)


def test_a_message_of_unknown_outcome_is_counted_as_such() -> None:
    tally = judged(evidence(Told(PHONE, "unknown"), Seen(PHONE)), CLEAN_LOG)

    assert tally.unknown == 1


def test_what_should_be_there_and_is_not_is_lost() -> None:
    assert missing({"a", "b"}, {"b", "c"}, "writes are").lost == 1
    assert missing({"b"}, {"b", "c"}, "writes are") == Tally()
    assert repeats([{"count": 2}, {"count": 4}]) == 4


def post(at: float, status: int | None = None, *, accepted: bool = False) -> dict[str, Any]:
    """One call to the platform about the same message."""
    return {"reference": "r", "at": at, "status": status, "accepted": accepted}


def look(at: float, found: int = 0, status: int = 200) -> dict[str, Any]:
    """One look-up of that message."""
    return {"reference": "r", "at": at, "status": status, "found": found}


@pytest.mark.parametrize(
    ("lookups", "blind"),
    [
        ([look(2)], []),
        ([], ["r"]),
        ([look(0.5), look(4)], ["r"]),
        ([look(2, found=1)], ["r"]),
        ([look(2, status=500)], ["r"]),
    ],
)
def test_a_second_call_needs_an_answer_that_it_is_absent(lookups: list[dict[str, Any]], blind: list[str]) -> None:
    assert resent_unasked([post(1), post(3, 201, accepted=True)], lookups) == blind


def test_a_refusal_may_be_repeated_without_asking() -> None:
    assert resent_unasked([post(1, 429), post(3, 201, accepted=True)], []) == []


def test_calls_before_their_turn_are_over_the_rate() -> None:
    steady = [0.0, 0.2, 0.4, 0.6]
    assert over_the_rate(steady, 5.0, late_seconds=0.001) == 0
    assert over_the_rate([0.0, 0.2, 0.5, 0.6], 5.0, late_seconds=0.15) == 0, "one came late, the next on time"
    assert over_the_rate([0.0, 0.2, 0.21, 0.22], 5.0, late_seconds=0.15) == 2
    assert over_the_rate([0.0, 10.0, 10.01, 10.02], 5.0, late_seconds=0.15) == 2, "a pause cannot be caught up with"


def test_a_second_holds_its_beginning_and_not_its_end() -> None:
    assert most_in_any_second([]) == 0
    assert most_in_any_second([3.0]) == 1
    assert most_in_any_second([0.0, 1.0]) == 1
    assert most_in_any_second([1.0, 0.0, 0.999]) == 2, "in whichever order they come"
    assert most_in_any_second([0.5] * 6) == 6, "six at one instant"
    assert most_in_any_second([0.0, 0.5, 0.9, 1.1, 1.4, 1.6]) == 4, "a second may begin anywhere"


INSTANTS = st.lists(st.floats(0, 5) | st.integers(0, 20).map(lambda quarter: quarter / 4), max_size=30)


@given(times=INSTANTS)
def test_the_fullest_second_is_the_fullest_of_those_that_begin_with_an_instant(times: list[float]) -> None:
    counts = [sum(begin <= at < begin + 1.0 for at in times) for begin in times]
    assert most_in_any_second(times) == max(counts, default=0)


@given(gaps=st.lists(st.floats(0.2, 2), max_size=40))
def test_calls_that_keep_their_gap_never_fill_a_second_beyond_the_rate_and_one(gaps: list[float]) -> None:
    assert most_in_any_second(accumulate(gaps, initial=0.0)) <= 5 + 1


@given(times=INSTANTS, more=st.floats(0, 5))
def test_one_more_call_adds_one_to_a_second_at_most(times: list[float], more: float) -> None:
    before, after = most_in_any_second(times), most_in_any_second([*times, more])
    assert before <= after <= before + 1


def test_what_was_unknown_counts_until_it_is_settled_and_what_never_is_counts_for_ever() -> None:
    lines = [
        ("a", "unknown", 1.0),
        ("b", "unknown", 2.0),
        ("c", "sent", 3.0),
        ("a", "held", 3.5),
        ("a", "sent", 4.5),
        ("b", "refused", 5.0),
        ("d", "unknown", 6.0),
        ("d", "failed", 6.25),
    ]
    assert settle_seconds(lines) == {"a": 3.5, "b": inf, "d": 0.25}
    assert settle_seconds([]) == {}


def test_of_several_spells_of_the_unknown_the_longest_counts_each_from_its_first_line() -> None:
    first = [("a", "unknown", 1.0), ("a", "unknown", 3.0), ("a", "sent", 4.0)]
    again = [*first, ("a", "unknown", 5.0), ("a", "sent", 5.5)]
    assert settle_seconds(again) == {"a": 3.0}
    assert settle_seconds([*again, ("a", "unknown", 6.0)]) == {"a": inf}, "unknown in the end"


@pytest.mark.parametrize(
    ("heard_at", "met"), [(0.9, set()), (1.0, set()), (1.1, {PHONE}), (1.9, {PHONE}), (2.0, set()), (2.1, set())]
)
def test_in_flight_is_between_the_beginning_of_the_call_and_its_recorded_answer(heard_at: float, met: set[str]) -> None:
    call = {"phone": PHONE, "at": 1.0}
    assert in_flight({PHONE: heard_at}, [call], {PHONE: 2.0}) == met


def test_nobody_is_in_flight_without_a_call_an_answer_and_a_word_of_theirs() -> None:
    call = {"phone": PHONE, "at": 1.0}
    assert in_flight({PHONE: 1.5}, [], {PHONE: 2.0}) == set()
    assert in_flight({PHONE: 1.5}, [call], {}) == set()
    assert in_flight({}, [call], {PHONE: 2.0}) == set()
    assert in_flight({PHONE: 1.5}, [{"phone": None, "at": 1.0}], {PHONE: 2.0}) == set()


def reply(at: float, acked_at: float | None) -> dict[str, Any]:
    """A text that a person wrote."""
    return {"at": at, "acked_at": acked_at}


@pytest.mark.parametrize(
    ("replies", "heard"),
    [
        ([], False),
        ([reply(11, 12)], True),
        ([reply(10, 12)], True),
        ([reply(11, 20)], False),
        ([reply(11, None)], False),
        ([reply(11, 12), reply(13, 21)], False),
        ([reply(9, 9.5)], False),
        ([reply(20, 20.5)], False),
        ([reply(9, None), reply(11, 12), reply(25, 31)], True),
    ],
)
def test_what_is_written_in_a_span_is_to_be_heard_in_it(replies: list[dict[str, Any]], heard: bool) -> None:
    assert heard_within(replies, 10, 20) is heard


def test_an_outcome_passes_only_without_any_complaint() -> None:
    assert Outcome("done", conditions={"it holds": True}).passed
    assert not Outcome("done", Tally(doubles=1)).passed
    assert not Outcome("done", Tally(problems=("wrong",))).passed
    failed = Outcome("done", Tally(unknown=2), conditions={"it holds": False})
    assert failed.complaints == ("2 left unknown", "does not hold: it holds")
