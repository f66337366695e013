"""The common judge of all faults: the simulator's log, by reference, text and person, beside our account."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from math import inf
from typing import Any

from cli.demo.evidence import Evidence
from cli.demo.judgement import Kind, judge
from cli.drill.outcome import Tally

WORDS_SHOWN = 8
SETTLED = frozenset({"sent", "failed"})

Json = dict[str, Any]


def judged(evidence: Evidence, log: Mapping[str, Any]) -> Tally:
    """What one campaign came to; `log` is the simulator's summary of its device.

    A message counts as doubled when the platform accepted the same reference twice, the same text for the same
    person twice, or more than one Message 1 or 2 for a person: the largest of the three counts is taken.
    """
    verdict = judge(evidence)
    doubles = max(repeats(log["by_reference_doubles"]), repeats(log["by_text_doubles"]), verdict.count(Kind.DOUBLE))
    words = [fault.words for fault in verdict.faults]
    more = len(words) - WORDS_SHOWN
    shown = words[:WORDS_SHOWN] + ([f"… and {more} more"] if more > 0 else [])
    return Tally(doubles, verdict.count(Kind.LOSS), evidence.counts["unknown"], tuple(shown))


def repeats(groups: Iterable[Mapping[str, Any]]) -> int:
    """How many messages too many: a group of three is two."""
    return sum(int(group["count"]) - 1 for group in groups)


def missing(wanted: Collection[str], found: Collection[str], what: str) -> Tally:
    """A tally of what should be there and is not."""
    gone = set(wanted) - set(found)
    return Tally(lost=len(gone), problems=(f"{len(gone)} {what} missing",) if gone else ())


def resent_unasked(posts: Iterable[Json], lookups: Iterable[Json]) -> list[str]:
    """References that were posted again with no look-up that found nothing in between."""
    asked: dict[str, list[Json]] = {}
    for look in lookups:
        asked.setdefault(str(look["reference"]), []).append(look)
    former: dict[str, Json] = {}
    blind = []
    for post in sorted(posts, key=lambda each: float(each["at"])):
        reference = str(post["reference"])
        earlier = former.get(reference)
        if earlier is not None and not _refused(earlier) and not _absent_between(asked, earlier, post):
            blind.append(reference)
        former[reference] = post
    return blind


def _refused(post: Json) -> bool:
    """The platform answered that it did not take it, so sending again needs no question."""
    return post["status"] in {401, 403, 429, 503} and not post["accepted"]


def _absent_between(asked: Mapping[str, list[Json]], first: Json, second: Json) -> bool:
    between = [look for look in asked.get(str(second["reference"]), []) if first["at"] < look["at"] < second["at"]]
    return bool(between) and between[-1]["status"] == 200 and between[-1]["found"] == 0


def over_the_rate(times: Iterable[float], rate: float, late_seconds: float) -> int:
    """How many arrivals came before their turn at `rate`, when each earlier one may have come late by `late_seconds`.

    The turns are counted from the first: the n-th may not come before n / rate, less the allowance. A pause starts
    the count anew, so that what was not used cannot be caught up with.
    """
    early, turn = 0, float("-inf")
    for at in sorted(times):
        if at < turn - late_seconds:
            early += 1
        turn = max(turn, at) + 1.0 / rate
    return early


def most_in_any_second(times: Iterable[float]) -> int:
    """How many of these instants the fullest second holds, wherever it begins; its end is not part of it."""
    ordered = sorted(times)
    return max((bisect_left(ordered, begin + 1.0) - index for index, begin in enumerate(ordered)), default=0)


def settle_seconds(lines: Iterable[tuple[str, str, float]]) -> dict[str, float]:
    """For everything whose outcome was unknown at some time: how long at the longest, infinite where it still is.

    `lines` are what they are about, a state and its moment, in the order in which they were written.
    """
    since: dict[str, float] = {}
    longest: dict[str, float] = {}
    for about, state, at in lines:
        if state == "unknown":
            since.setdefault(about, at)
        elif state in SETTLED and about in since:
            longest[about] = max(longest.get(about, 0.0), at - since.pop(about))
    return longest | dict.fromkeys(since, inf)


def in_flight(heard: Mapping[str, float], calls: Iterable[Json], recorded: Mapping[str, float]) -> set[str]:
    """Who was heard, by phone, after a call for them had begun at the platform and before its answer was recorded."""
    known = heard.keys() & recorded.keys()
    called = {str(call["phone"]): float(call["at"]) for call in calls if call["phone"] in known}
    return {phone for phone, began in called.items() if began < heard[phone] < recorded[phone]}


def heard_within(replies: Iterable[Json], began: float, ended: float) -> bool:
    """Whether a person wrote in a span of time and all of it was acknowledged before its end; silence is no proof."""
    written = [reply for reply in replies if began <= reply["at"] < ended]
    return bool(written) and all(reply["acked_at"] is not None and reply["acked_at"] < ended for reply in written)
