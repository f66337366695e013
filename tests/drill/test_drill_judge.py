"""The drill's judge sees a planted double, a planted loss and a send that nobody asked about."""

from typing import Any

import pytest

from cli.demo.evidence import Evidence, Imported, Reply, Seen, Told
from cli.drill.judgement import judged, missing, over_the_rate, repeats, resent_unasked
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


def test_an_outcome_passes_only_without_any_complaint() -> None:
    assert Outcome("done", conditions={"it holds": True}).passed
    assert not Outcome("done", Tally(doubles=1)).passed
    assert not Outcome("done", Tally(problems=("wrong",))).passed
    failed = Outcome("done", Tally(unknown=2), conditions={"it holds": False})
    assert failed.complaints == ("2 left unknown", "does not hold: it holds")
