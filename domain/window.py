"""The send window (quiet hours): when it is open, and when it opens next, in a time zone with its clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ALL_DAYS = frozenset(range(7))
_DAYS_AHEAD = 9
"""A window opens at least weekly; two days more cover zones that skipped a date when they changed sides."""


def known_zone(name: str) -> str:
    """The IANA name itself; raises ValueError for one that is none."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; use an IANA name such as Europe/Paris") from error
    return name


class SendWindow(BaseModel):
    """From `start` to before `end` by the clock on the wall of `time_zone`, on `days` (0 = Monday … 6 = Sunday).

    `end` not after `start` crosses midnight (22:00–06:00; 08:00–08:00 is the whole day), and belongs to the day on
    which it began. The wall clock decides on days of clock change too: an hour that is skipped is simply not there,
    an hour that comes twice counts twice.
    """

    model_config = ConfigDict(frozen=True)

    start: time
    end: time
    days: frozenset[int] = Field(default=ALL_DAYS, min_length=1)
    time_zone: str

    @field_validator("days")
    @classmethod
    def _days_of_the_week(cls, days: frozenset[int]) -> frozenset[int]:
        if strange := days - ALL_DAYS:
            raise ValueError(f"days go from 0 (Monday) to 6 (Sunday), not {sorted(strange)}")
        return days

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    @model_validator(mode="after")
    def _wall_times(self) -> Self:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("start and end are times on the wall, without offset; the zone is time_zone")
        return self

    def is_open(self, now: datetime) -> bool:
        """Whether the wall clock shows a time inside of the window at the instant `now` (aware)."""
        wall = now.astimezone(ZoneInfo(self.time_zone))
        at, today, yesterday = wall.time(), wall.weekday(), (wall.weekday() - 1) % 7
        if self.start < self.end:
            return self.start <= at < self.end and today in self.days
        return (at >= self.start and today in self.days) or (at < self.end and yesterday in self.days)


def next_opening(now_utc: datetime, window: SendWindow) -> datetime | None:
    """None if the window is open at `now_utc` (aware), else the next instant (UTC) at which it is. Raises ValueError
    for a time without offset."""
    if now_utc.tzinfo is None:
        raise ValueError("next_opening needs a time with an offset")
    if window.is_open(now_utc):
        return None
    zone = ZoneInfo(window.time_zone)
    today = now_utc.astimezone(zone).date()
    for ahead in range(-1, _DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        openings = [at for at in instants(day, window) if at > now_utc and window.is_open(at)]
        if openings:
            return min(openings)
    raise ValueError(f"the window {window!r} does not open within {_DAYS_AHEAD} days")


def instants(day: date, window: SendWindow) -> set[datetime]:
    """Every instant (UTC) on `day` at which the window can open or close: its start, its end, and a clock change that
    leaps over one of them or back before it."""
    zone = ZoneInfo(window.time_zone)
    found: set[datetime] = set()
    for wall in (window.start, window.end):
        readings = [datetime.combine(day, wall, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
        found.update(readings)
        if readings[0] != readings[1]:
            found.add(clock_change(min(readings), max(readings), zone))
    return found


def clock_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC, whole seconds) between the two at which the zone's offset changes."""
    offset = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
