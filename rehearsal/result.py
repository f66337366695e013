"""What a rehearsal shows: the calendar of sends, when it begins and ends, who replies, and which limits bind."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.statuses import CampaignStatus, DeliveryKind
from domain.window import clock_change
from rehearsal.facts import Frozen

STEPS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 86_400))
"""A calendar has rows of the shortest of these that needs no more than `MOST_ROWS`."""

MOST_ROWS = 36

HOUR = timedelta(hours=1)


class Limit(StrEnum):
    """What a message waited for before it went out."""

    DELAY = "delay"
    BATCH_PAUSE = "batch_pause"
    RATE = "rate"
    DAILY_QUOTA = "daily_quota"
    SEND_WINDOW = "send_window"
    CAMPAIGN_WINDOW = "campaign_window"


class LeftOut(StrEnum):
    """Why a contact gets no Message 1."""

    OPTED_OUT = "opted_out"
    LACKS_VALUE = "lacks_value"
    NEVER_OPEN = "never_open"
    PLATFORM_REFUSED = "platform_refused"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that went out: until `due` it waited by the pace (`paced_by`), after that for `held_by`.

    From `shut_at` on until `due` it was the campaign's window that kept it in line.
    """

    kind: DeliveryKind
    at: datetime
    due: datetime
    paced_by: Limit
    held_by: Limit | None = None
    shut_at: datetime | None = None

    def shares_since(self, before: datetime) -> Iterator[tuple[Limit, timedelta]]:
        """What kept it from `before` on until it went out, one after the other, and for how long."""
        ends = [(self.paced_by, self.shut_at or self.due)]
        if self.shut_at is not None:
            ends.append((Limit.CAMPAIGN_WINDOW, self.due))
        for limit, end in [*ends, (self.held_by or self.paced_by, self.at)]:
            until = min(max(before, end), self.at)
            yield limit, until - before
            before = until

    @property
    def held_back_by(self) -> set[Limit]:
        """The limits that it waited for when its turn by the pace had come."""
        shut = None if self.shut_at is None else Limit.CAMPAIGN_WINDOW
        return {limit for limit in (shut, self.held_by) if limit is not None}


class CalendarRow(Frozen):
    """What happens from `starts_at` until the next row."""

    starts_at: datetime
    message_1: int = 0
    replies: int = 0
    message_2: int = 0


class Bound(Frozen):
    """A limit that bound: for how long it alone kept the next Message 1, and how many messages waited for it."""

    limit: Limit
    seconds: float
    messages: int


class NotSent(Frozen):
    """Contacts that got no Message 1, by reason; `variables` are those that they lack a value for."""

    reason: LeftOut
    variables: tuple[str, ...] = ()
    contacts: int


class Rehearsed(Frozen):
    """The outcome: `waiting` contacts were in line, `rehearsed` of them played; `paused_reason`: it stopped itself."""

    status: CampaignStatus
    paused_reason: str | None = None
    waiting: int
    rehearsed: int
    starts_at: datetime
    first_message_at: datetime | None = None
    last_message_1_at: datetime | None = None
    ends_at: datetime
    duration_seconds: float
    message_1: int
    replies: int
    late_replies: int
    message_2: int
    no_reply: int
    not_sent: list[NotSent]
    limits: list[Bound]
    step_seconds: float
    calendar: list[CalendarRow]
    took_seconds: float


class Progress(Frozen):
    """How far a rehearsal is; `at` is what its clock shows."""

    out: int
    contacts: int
    at: datetime


def limits_of(sent: Iterable[Sent]) -> list[Bound]:
    """Who owns each gap between two Message 1: what the second waited for, one limit after the other.

    The longest first; the seconds of all of them add up to the time between the first and the last Message 1.
    """
    seconds: defaultdict[Limit, float] = defaultdict(float)
    messages: Counter[Limit] = Counter()
    before: datetime | None = None
    for message in sorted(sent, key=lambda one: one.at):
        messages.update(message.held_back_by)
        if message.kind != DeliveryKind.MESSAGE_1:
            continue
        if before is not None:
            for limit, waited in message.shares_since(before):
                seconds[limit] += waited.total_seconds()
            messages[message.paced_by] += not message.held_back_by
        before = message.at
    bounds = [Bound(limit=limit, seconds=round(seconds[limit], 3), messages=messages[limit]) for limit in Limit]
    return sorted((one for one in bounds if one.messages or one.seconds), key=lambda one: (-one.seconds, one.limit))


def step_for(first: datetime, last: datetime) -> timedelta:
    """The length of a row."""
    span = last - first
    return next((step for step in STEPS if span / step <= MOST_ROWS), STEPS[-1])


def calendar_of(
    sent: Iterable[Sent], replies: Iterable[datetime], step: timedelta, zone: ZoneInfo
) -> list[CalendarRow]:
    """Rows that begin as clocks of the zone show, without the empty ones before the first and after the last."""
    moments = [(message.at, str(message.kind.value)) for message in sent] + [(at, "replies") for at in replies]
    if not moments:
        return []
    starts = _starts(min(at for at, _ in moments), max(at for at, _ in moments), step, zone)
    counts = [Counter[str]() for _ in starts]
    for at, what in moments:
        counts[bisect_right(starts, at) - 1][what] += 1
    return [CalendarRow(starts_at=at, **count) for at, count in zip(starts, counts, strict=True)]


def _starts(first: datetime, last: datetime, step: timedelta, zone: ZoneInfo) -> list[datetime]:
    """Where rows begin (UTC), from the one that `first` is in to that of `last`: whenever a clock on the wall shows a
    multiple of the step since midnight. So each day is one row, also where the clocks change and it has 23 or 25 h."""
    walls = [at.astimezone(zone).replace(tzinfo=None) for at in (first, last)]
    around = abs((walls[1] - walls[0]) - (last - first)) + step
    wall = min(walls) - around
    midnight = datetime.combine(wall.date(), time())
    wall = midnight + (wall - midnight) // step * step
    found: set[datetime] = set()
    while wall <= max(walls) + around:
        found.update(_shown_at(wall, zone, twice=step <= HOUR))
        wall += step
    starts = sorted(found)
    return starts[bisect_right(starts, first) - 1 : bisect_right(starts, last)]


def _shown_at(wall: datetime, zone: ZoneInfo, *, twice: bool) -> Iterator[datetime]:
    """When (UTC) a clock of the zone shows that; the first instant after it where the clocks leap over it. Of an hour
    that comes twice, the second time too if `twice`: a longer row goes on through both."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second < first:
        yield clock_change(second, first, zone)
        return
    yield first
    if twice and second > first:
        yield second
