"""What a rehearsal shows: the calendar of sends, when it begins and ends, who replies, and which limits bind."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.statuses import CampaignStatus, DeliveryKind
from rehearsal.facts import Frozen

STEPS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 86_400))
"""A calendar has rows of the shortest of these that needs no more than `MOST_ROWS`."""

MOST_ROWS = 36


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


def calendar_of(sent: Iterable[Sent], replies: Iterable[datetime], step: timedelta) -> list[CalendarRow]:
    """Rows of equal length, without the empty ones before the first and after the last."""
    counts: dict[datetime, Counter[str]] = {}
    moments = [(message.at, str(message.kind.value)) for message in sent] + [(at, "replies") for at in replies]
    for at, what in moments:
        counts.setdefault(_row_of(at, step), Counter())[what] += 1
    if not counts:
        return []
    first, last = min(counts), max(counts)
    rows = round((last - first) / step) + 1
    starts = (first + index * step for index in range(rows))
    return [CalendarRow(starts_at=at, **counts.get(at, Counter())) for at in starts]


def _row_of(at: datetime, step: timedelta) -> datetime:
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return epoch + ((at - epoch) // step) * step
