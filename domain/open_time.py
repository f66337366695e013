"""How long work takes on the clock when it can be done only while windows are open: the estimate of SPEC CAM-14."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from domain.window import SendWindow, instants

Windows = tuple[SendWindow, ...]
"""Windows that must all be open; none is always open."""

LOOKED_AHEAD = timedelta(days=14)
"""Two whole weeks; work that they do not see the end of goes on as it went in them."""


def time_needed(start: datetime, work: Mapping[Windows, float]) -> float:
    """Seconds from `start` (UTC) until all is done; `work` is seconds of work by the windows in which it can be done.

    One piece of work is done at a time, whichever is open. Work that can never be done counts as two weeks.
    """
    left = {windows: seconds for windows, seconds in work.items() if seconds > 0}
    total = sum(left.values())
    for begin, end in _spans(start, left):
        open_now = [windows for windows in left if all(window.is_open(begin) for window in windows)]
        todo, room = sum(left[windows] for windows in open_now), (end - begin).total_seconds()
        if len(open_now) == len(left) and todo <= room:
            return (begin - start).total_seconds() + todo
        share = 1.0 if todo <= room else room / todo
        for windows in open_now:
            left[windows] *= 1 - share
            if left[windows] <= 0:
                del left[windows]
    done = total - sum(left.values())
    return LOOKED_AHEAD.total_seconds() * (total / done if done > 0 else 1.0) if left else 0.0


def open_share(start: datetime, windows: Windows) -> float:
    """The part of the week from `start` on in which all the windows are open, 0 to 1."""
    week = start + timedelta(days=7)
    spans = [(begin, min(end, week)) for begin, end in _spans(start, [windows]) if begin < week]
    opened = sum((end - begin).total_seconds() for begin, end in spans if all(one.is_open(begin) for one in windows))
    return opened / timedelta(days=7).total_seconds()


def _spans(start: datetime, groups: Collection[Windows]) -> Sequence[tuple[datetime, datetime]]:
    """The time from `start` on, cut wherever one of the windows may open or close."""
    last = start + LOOKED_AHEAD
    cuts = {start, last}
    for window in {window for windows in groups for window in windows}:
        for ahead in range(-1, LOOKED_AHEAD.days + 2):
            day = start.astimezone(UTC).date() + timedelta(days=ahead)
            cuts.update(at for at in instants(day, window) if start < at < last)
    ordered = sorted(cuts)
    return list(itertools.pairwise(ordered))
