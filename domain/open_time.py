"""How long work takes on the clock when it can be done only while windows are open: the estimate of SPEC CAM-14."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise

from domain.window import SendWindow, instants

Windows = tuple[SendWindow, ...]
"""Windows that must all be open; none is always open."""

Span = tuple[datetime, datetime]
"""From an instant to before another (UTC)."""

LOOKED_AHEAD = timedelta(days=14)
"""Two whole weeks; work that they do not see the end of goes on as it went in them."""

NOTHING_SECONDS = 1e-6
"""Less work than this is none: it is what rounding leaves of work that ends just when a window closes."""


def time_needed(start: datetime, work: Mapping[Windows, float]) -> float:
    """Seconds from `start` (UTC) until all is done; `work` is seconds of work by the windows in which it can be done.

    One piece of work is done at a time, whichever is open. Work that can never be done counts as two weeks.
    """
    groups = [windows for windows, seconds in work.items() if seconds > 0]
    left = {number: work[windows] for number, windows in enumerate(groups)}
    total = sum(left.values())
    for begin, end, open_now in _steps(start, groups):
        open_now &= left.keys()
        todo, room = sum(left[number] for number in open_now), (end - begin).total_seconds()
        if len(open_now) == len(left) and todo <= room:
            return (begin - start).total_seconds() + todo
        share = 1.0 if todo <= room else room / todo
        for number in open_now:
            left[number] *= 1 - share
            if left[number] < NOTHING_SECONDS:
                del left[number]
    done = total - sum(left.values())
    return LOOKED_AHEAD.total_seconds() * (total / done if done > 0 else 1.0)


def opening(start: datetime, windows: Windows) -> datetime | None:
    """None when all the windows are open at `start`, else the next instant (UTC) at which they are; the end of what is
    looked ahead when they never are."""
    last = start + LOOKED_AHEAD
    first = next((begin for begin, _end in _cut(_all_open(windows, _day(start)), start, last)), last)
    return None if first == start else first


def open_share(start: datetime, windows: Windows) -> float:
    """The part of the week from `start` on in which all the windows are open, 0 to 1."""
    week = start + timedelta(days=7)
    opened = sum(
        ((end - begin).total_seconds() for begin, end in _cut(_all_open(windows, _day(start)), start, week)), 0
    )
    return opened / timedelta(days=7).total_seconds()


def _steps(start: datetime, groups: list[Windows]) -> Iterator[tuple[datetime, datetime, set[int]]]:
    """The time from `start` on, cut wherever a group opens or closes, each piece with the places in the list of those
    that are open in it (places, since windows take their time to be hashed)."""
    last = start + LOOKED_AHEAD
    turns: dict[datetime, list[tuple[int, bool]]] = {start: [], last: []}
    for number, windows in enumerate(groups):
        for begin, end in _cut(_all_open(windows, _day(start)), start, last):
            turns.setdefault(begin, []).append((number, True))
            turns.setdefault(end, []).append((number, False))
    open_now: set[int] = set()
    for begin, end in pairwise(sorted(turns)):
        open_now -= {number for number, opens in turns[begin] if not opens}
        open_now |= {number for number, opens in turns[begin] if opens}
        yield begin, end, set(open_now)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _cut(spans: Iterable[Span], first: datetime, last: datetime) -> Iterator[Span]:
    """What of the spans lies between two instants."""
    return ((max(begin, first), min(end, last)) for begin, end in spans if begin < last and end > first)


# A page that is watched asks again and again: what holds for a whole day is kept.
@lru_cache(maxsize=4096)
def _all_open(windows: Windows, day: date) -> tuple[Span, ...]:
    """When all of them are open, from the beginning of a day (UTC) to a day more than is looked ahead."""
    begin = datetime.combine(day, time(), UTC)
    together: tuple[Span, ...] = ((begin, begin + LOOKED_AHEAD + timedelta(days=1)),)
    for window in windows:
        alone = _open(window, day)
        together = tuple(span for begin, end in together for span in _cut(alone, begin, end))
    return together


@lru_cache(maxsize=1024)
def _open(window: SendWindow, day: date) -> tuple[Span, ...]:
    """The same for one window."""
    first = datetime.combine(day, time(), UTC)
    last = first + LOOKED_AHEAD + timedelta(days=1)
    days = (day + timedelta(days=ahead) for ahead in range(-1, LOOKED_AHEAD.days + 3))
    cuts = sorted({first, last, *(at for one in days for at in instants(one, window) if first < at < last)})
    return tuple((begin, end) for begin, end in pairwise(cuts) if window.is_open(begin))
