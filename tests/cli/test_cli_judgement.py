"""The demo's verdict: whatever goes wrong on either side must make it fail, and nothing else may."""

from dataclasses import replace
from typing import Any

import pytest

from cli.demo.evidence import Evidence, Imported, Reply, Seen, Told
from cli.demo.judgement import STATES, Kind, judge, latency

WINDOW = 10.0
SILENT, ANSWERING, STOPPING, FAILING = "+33639980001", "+33639980002", "+33639980003", "+33639980004"


def told() -> dict[str, Told]:
    """A campaign of four people in which all went well, as Relance tells it."""
    return {
        SILENT: Told(SILENT, "read", sent_at=100.0),
        ANSWERING: Told(ANSWERING, "read", sent_at=101.0, replied_at=104.0, message_2="delivered"),
        STOPPING: Told(STOPPING, "delivered", sent_at=102.0, opted_out=True),
        FAILING: Told(FAILING, "failed", sent_at=103.0),
    }


def seen() -> dict[str, Seen]:
    """The same campaign as the platform's log holds it."""
    return {
        SILENT: Seen(SILENT, message_1=(100.0,)),
        ANSWERING: Seen(ANSWERING, message_1=(101.0,), message_2=(104.5,), replies=(Reply(104.0, 104.1),)),
        STOPPING: Seen(STOPPING, message_1=(102.0,), replies=(Reply(105.0, 105.1, stop=True),)),
        FAILING: Seen(FAILING, message_1=(103.0,), failed=True),
    }


def evidence(ours: dict[str, Told], theirs: dict[str, Seen]) -> Evidence:
    """Both accounts, with page and import counts that fit what Relance tells."""
    people = tuple(ours.values())
    counts = {name: sum(person.message_1 == name for person in people) for name in STATES}
    counts |= {
        "total": len(people),
        "replied": sum(person.replied_at is not None for person in people),
        "message_2_sent": sum(person.message_2 in {"sent", "delivered", "read"} for person in people),
        "opted_out": sum(person.opted_out for person in people),
        "no_reply": 1,
    }
    imported = Imported(rows=len(people) + 3, added=len(people), duplicates=2, invalid=1)
    return Evidence("completed", counts, imported, people, tuple(theirs.values()), WINDOW)


def kinds(ours: dict[str, Told], theirs: dict[str, Seen]) -> set[Kind]:
    """The kinds of faults that the judge finds."""
    return {fault.kind for fault in judge(evidence(ours, theirs)).faults}


def test_two_accounts_that_agree_are_found_to_agree() -> None:
    verdict = judge(evidence(told(), seen()))
    assert verdict.agrees
    assert verdict.faults == ()
    assert verdict.heard_late == 0
    assert verdict.from_reply.p50 == pytest.approx(0.5)
    assert verdict.from_acknowledgement.p99 == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("phone", "change", "kind"),
    [
        (SILENT, {"message_1": (100.0, 100.2)}, Kind.DOUBLE),
        (ANSWERING, {"message_2": (104.5, 104.9)}, Kind.DOUBLE),
        (SILENT, {"message_1": ()}, Kind.LOSS),
        (ANSWERING, {"message_2": ()}, Kind.LOSS),
        (SILENT, {"replies": (Reply(103.0, 103.1),)}, Kind.LOSS),
        (SILENT, {"replies": (Reply(103.0, 103.1, stop=True),)}, Kind.LOSS),
        (STOPPING, {"others": (106.0,)}, Kind.AFTER_STOP),
        (STOPPING, {"message_2": (106.0,)}, Kind.AFTER_STOP),
        (STOPPING, {"replies": ()}, Kind.DISAGREEMENT),
        (ANSWERING, {"replies": ()}, Kind.DISAGREEMENT),
        (ANSWERING, {"replies": (Reply(112.5, 112.6),), "message_2": (113.0,)}, Kind.DISAGREEMENT),
        (ANSWERING, {"message_2": (103.0,)}, Kind.DISAGREEMENT),
        (SILENT, {"others": (101.0,)}, Kind.DISAGREEMENT),
        (SILENT, {"failed": True}, Kind.DISAGREEMENT),
        (FAILING, {"failed": False}, Kind.DISAGREEMENT),
    ],
    ids=[
        "a doubled Message 1",
        "a doubled Message 2",
        "a Message 1 that never arrived",
        "a Message 2 that never arrived",
        "a reply that was not counted",
        "a STOP that was not counted",
        "any message after STOP",
        "Message 2 after STOP",
        "an opt-out nobody asked for",
        "a counted reply that nobody wrote",
        "Message 2 for a reply after the window",
        "Message 2 before the reply",
        "a message that is neither of the two",
        "a failure that Relance does not tell",
        "a failure that the platform does not know",
    ],
)
def test_what_the_platform_saw_otherwise_fails_the_verdict(phone: str, change: dict[str, Any], kind: Kind) -> None:
    theirs = seen()
    theirs[phone] = replace(theirs[phone], **change)
    assert kind in kinds(told(), theirs)


@pytest.mark.parametrize("state", ["pending", "sending", "unknown", "suppressed", "cancelled"])
def test_a_contact_that_arrived_but_is_told_otherwise_makes_the_verdict_fail(state: str) -> None:
    ours = told()
    ours[SILENT] = replace(ours[SILENT], message_1=state)
    assert kinds(ours, seen())


def test_a_stranger_who_was_written_to_makes_the_verdict_fail() -> None:
    theirs = seen() | {"+33639989999": Seen("+33639989999", message_1=(100.0,))}
    assert kinds(told(), theirs) == {Kind.DISAGREEMENT}


def test_a_reply_told_after_the_window_may_count_or_not() -> None:
    """Written in time but acknowledged late, as when everything was down in between: both outcomes are right."""
    late = Reply(at=105.0, acknowledged_at=130.0)
    silent = seen() | {SILENT: Seen(SILENT, message_1=(100.0,), replies=(late,))}
    verdict = judge(evidence(told(), silent))
    assert verdict.agrees
    assert verdict.heard_late == 1
    ours = told() | {SILENT: replace(told()[SILENT], replied_at=130.0, message_2="sent")}
    answered = silent | {SILENT: replace(silent[SILENT], message_2=(130.5,))}
    assert judge(evidence(ours, answered)).agrees


def test_somebody_suppressed_before_the_campaign_needs_no_message() -> None:
    ours, theirs = told(), seen()
    ours[SILENT] = Told(SILENT, "suppressed")
    del theirs[SILENT]
    assert judge(evidence(ours, theirs)).agrees


@pytest.mark.parametrize("name", [*STATES, "total", "replied", "message_2_sent", "opted_out"])
def test_a_page_whose_count_is_one_off_makes_the_verdict_fail(name: str) -> None:
    good = evidence(told(), seen())
    assert not judge(replace(good, counts={**good.counts, name: good.counts[name] + 1})).agrees


@pytest.mark.parametrize(
    "change",
    [
        {"status": "paused"},
        {"unheard": 1},
        {"imported": Imported(rows=8, added=4, duplicates=2, invalid=1)},
        {"imported": Imported(rows=6, added=3, duplicates=2, invalid=1)},
    ],
    ids=["not completed", "something unheard", "a row unaccounted for", "an added row lost"],
)
def test_what_does_not_add_up_makes_the_verdict_fail(change: dict[str, Any]) -> None:
    assert not judge(replace(evidence(told(), seen()), **change)).agrees


def test_percentiles_are_measured_values_by_nearest_rank() -> None:
    measured = latency(float(number) for number in range(1, 101))
    assert (measured.count, measured.p50, measured.p99) == (100, 50.0, 99.0)
    assert latency([3.0]).p99 == 3.0
    assert latency([]).p50 is None
