"""A campaign's send window: times on the wall of a fixed zone, of the tenant's, or of the contact's own."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.phone_zones import zones_of_prefix
from domain.statuses import DeliveryKind
from domain.window import ALL_DAYS, SendWindow, known_zone, next_opening

CONTACT_ZONE = "contact"
TENANT_ZONE = "tenant"

COMMON_WITHIN = timedelta(days=9)
"""Zones that have no open moment in common for so long never have one, but for a change of clocks."""


def zone_choice(name: str) -> str:
    """The name of a zone that a campaign's window can go by; raises ValueError."""
    return name if name in (CONTACT_ZONE, TENANT_ZONE) else known_zone(name)


class CampaignWindow(BaseModel):
    """From `start` to before `end` on `days`, by the wall clock of `zone`: an IANA name, `tenant`, or `contact`.

    `message_2`: whether Message 2 waits for it too. A reply is a conversation that the person is in right now, so by
    default it does not.
    """

    model_config = ConfigDict(frozen=True)

    start: time
    end: time
    days: frozenset[int] = Field(default=ALL_DAYS, min_length=1)
    zone: str = CONTACT_ZONE
    message_2: bool = False

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return zone_choice(name)

    @model_validator(mode="after")
    def _wall_times(self) -> Self:
        _in_zone(self, "UTC")
        return self

    @property
    def is_same_for_all(self) -> bool:
        """Whether it opens for every contact at the same instant."""
        return self.zone != CONTACT_ZONE


class InLine(Protocol):
    """Somebody who waits to be launched."""

    @property
    def dial_prefix(self) -> str:
        """What of the phone tells its zones."""


Waiting = TypeVar("Waiting", bound=InLine)


class Hours:
    """A campaign's window for a tenant of this zone: when it opens for whom."""

    def __init__(self, window: CampaignWindow, tenant_zone: str) -> None:
        self.window = window
        self._tenant_zone = tenant_zone

    def windows(self, prefix: str | None, day: date) -> tuple[SendWindow, ...]:
        """The windows that must all be open for a number of this prefix (`domain.phone_zones`).

        A number that may be in several zones waits until it is open in all of them. An unknown one, and one whose zones
        are never open together around `day`, goes by the tenant's zone: a message waits, but not for ever.
        """
        if self.window.zone == TENANT_ZONE:
            return (_in_zone(self.window, self._tenant_zone),)
        if self.window.zone != CONTACT_ZONE:
            return (_in_zone(self.window, self.window.zone),)
        zones = zones_of_prefix(prefix or "")
        if not zones or not _ever_together(self.window, zones, day):
            return (_in_zone(self.window, self._tenant_zone),)
        return _in_zones(self.window, zones)

    def opening(self, prefix: str | None, at: datetime) -> datetime | None:
        """None if it is open at `at` for a number of this prefix, else the next instant (UTC) at which it is."""
        return common_opening(at, self.windows(prefix, at.astimezone(UTC).date()))

    def openings(self, prefixes: Iterable[str], at: datetime) -> dict[str, datetime]:
        """When it opens for those of the prefixes for which it is closed at `at`."""
        found = ((prefix, self.opening(prefix, at)) for prefix in prefixes)
        return {prefix: opening for prefix, opening in found if opening is not None}

    def in_time(self, line: Iterable[Waiting], first_at: datetime, delay_seconds: float) -> list[Waiting]:
        """Those for whom it is still open when their place in the batch comes; the others stay in line."""
        batch: list[Waiting] = []
        for contact in line:
            at = first_at + timedelta(seconds=len(batch) * delay_seconds)
            if self.opening(contact.dial_prefix, at) is None:
                batch.append(contact)
        return batch

    def held_until(self, kind: str, prefix: str | None, at: datetime) -> datetime | None:
        """Until when (UTC) it holds a message of this kind to a number of this prefix; None if it does not at `at`."""
        if kind == DeliveryKind.MESSAGE_2 and not self.window.message_2:
            return None
        return self.opening(prefix, at)


def common_opening(now: datetime, windows: Collection[SendWindow]) -> datetime | None:
    """None if all are open at `now`, else the next instant (UTC) at which all are. ValueError if they never meet."""
    at = now
    while at - now <= COMMON_WITHIN:
        later = [opening for window in windows if (opening := next_opening(at, window)) is not None]
        if not later:
            return None if at == now else at
        at = max(later)
    raise ValueError(f"these windows are not open together within {COMMON_WITHIN.days} days of {now}")


@lru_cache(maxsize=1024)
def _in_zone(window: CampaignWindow, zone: str) -> SendWindow:
    return SendWindow(start=window.start, end=window.end, days=window.days, time_zone=zone)


@lru_cache(maxsize=1024)
def _in_zones(window: CampaignWindow, zones: frozenset[str]) -> tuple[SendWindow, ...]:
    return tuple(_in_zone(window, zone) for zone in sorted(zones))


@lru_cache(maxsize=4096)
def _ever_together(window: CampaignWindow, zones: frozenset[str], day: date) -> bool:
    if len(zones) == 1:
        return True
    try:
        common_opening(datetime(day.year, day.month, day.day, tzinfo=UTC), _in_zones(window, zones))
    except ValueError:
        return False
    return True
