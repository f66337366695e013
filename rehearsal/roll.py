"""The contacts of a rehearsal and what has become of each; the place of the engine's tables."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from uuid import UUID

from domain.statuses import CampaignStatus
from rehearsal.facts import CampaignFacts, ContactFacts
from rehearsal.result import LeftOut, Limit, NotSent, Sent


@dataclass(slots=True)
class Person:
    """One contact. Its turn comes at `turn`; `due` is when it is looked at next, `held_by` what last held it.

    `shut_at` is when its turn would have come, had the campaign's window not been shut for all who were in line.
    """

    facts: ContactFacts
    paced_by: Limit = Limit.DELAY
    turn: datetime | None = None
    shut_at: datetime | None = None
    launched: bool = False
    out_at: datetime | None = None
    due: datetime | None = None
    held_by: Limit | None = None
    reply_at: datetime | None = None
    left_out: LeftOut | None = None
    closed: bool = False

    @property
    def dial_prefix(self) -> str:
        """What of the phone tells its zones."""
        return self.facts.dial_prefix

    @property
    def waits(self) -> bool:
        """Launched, and Message 1 is not out yet."""
        return self.launched and not self.closed and self.out_at is None

    @property
    def in_flight(self) -> bool:
        """The same, and it is not the campaign's window that it waits for: the others do not wait for these."""
        return self.waits and self.held_by != Limit.CAMPAIGN_WINDOW


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch; `opens_at`: it is empty since the campaign's window is closed for all until then."""

    batch: list[Person]
    opens_at: datetime | None = None


class Roll:
    """All contacts in order, and the log of what went out."""

    def __init__(self, facts: CampaignFacts) -> None:
        self.people = {contact.id: Person(contact) for contact in facts.contacts}
        self.order = list(self.people.values())
        self.status = CampaignStatus.SCHEDULED
        self.paused_reason: str | None = None
        self.sent: list[Sent] = []
        self.replies: list[datetime] = []
        self.late_replies = 0
        self.no_reply = 0
        self.asked: list[tuple[datetime, bool]] = []
        """When the platform was asked for a Message 1, and whether it refused."""
        self._line = self.order
        self._hours = facts.hours
        self._shut_at: datetime | None = None

    def __getitem__(self, contact_id: UUID) -> Person:
        return self.people[contact_id]

    def take_turn(self, size: int, first_at: datetime, delay_seconds: float) -> Turn:
        """The next in line whose window is open when their place comes, chosen as the engine does (db/launching.py)."""
        asleep = self._asleep(first_at)
        line = [person for person in self._line if person.dial_prefix not in asleep] if asleep else self._line
        batch = line[:size]
        if self._hours is not None:
            batch = self._hours.in_time(batch, first_at, delay_seconds)
        opens_at = None if batch else min(asleep.values(), default=None)
        self._launch(batch)
        self._shut_at = (self._shut_at or first_at) if opens_at is not None else None
        return Turn(batch, opens_at)

    def _asleep(self, at: datetime) -> dict[str, datetime]:
        if self._hours is None:
            return {}
        return self._hours.openings({person.dial_prefix for person in self._line}, at)

    def _launch(self, batch: list[Person]) -> None:
        for person in batch:
            person.launched = True
        if batch:
            batch[0].shut_at = self._shut_at
        self._line = [person for person in self._line if not person.launched]

    @property
    def exhausted(self) -> bool:
        """Whether everybody was launched."""
        return not self._line

    @property
    def in_flight(self) -> list[Person]:
        """Those launched whose Message 1 is not out, but for those who wait for the campaign's window."""
        return [person for person in self.order if person.in_flight]

    @property
    def held_until(self) -> datetime | None:
        """When the first can go out, while nobody waits for anything but the campaign's window."""
        waiting = [person for person in self.order if person.waits]
        if any(person.in_flight for person in waiting):
            return None
        return min((person.due for person in waiting if person.due is not None), default=None)

    @property
    def open(self) -> int:
        """How many have not ended."""
        return sum(not person.closed for person in self.order)

    def few_at(self, limit: int) -> datetime | None:
        """When at most `limit` can be in flight, as things stand; None when that is so already."""
        waiting = self.in_flight
        surplus = len(waiting) - limit
        if surplus <= 0:
            return None
        return nsmallest(surplus, [person.due for person in waiting if person.due is not None])[-1]

    def sample(self, since: datetime) -> tuple[int, int]:
        """How many were asked of the platform since then, and how many it refused."""
        recent = [refused for at, refused in self.asked if at >= since]
        return len(recent), sum(recent)

    def not_sent(self) -> list[NotSent]:
        """Contacts without Message 1, by reason, the most first."""
        by_reason = Counter(
            (person.left_out, tuple(person.facts.lacking) if person.left_out == LeftOut.LACKS_VALUE else ())
            for person in self.order
        )
        return [
            NotSent(reason=reason, variables=variables, contacts=count)
            for (reason, variables), count in by_reason.most_common()
            if reason is not None
        ]

    @property
    def last_sent_at(self) -> datetime | None:
        """When the last message so far went out."""
        return max((message.at for message in self.sent), default=None)


class RateQueue:
    """Who waits for the channel's rate, first come first served; each is told when its slot comes."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval
        self._line: dict[UUID, None] = {}

    def is_behind_others(self, contact_id: UUID) -> bool:
        """Whether somebody came before."""
        return bool(self._line) and next(iter(self._line)) != contact_id

    def turn(self, contact_id: UUID, next_slot: datetime) -> datetime:
        """When this one's slot comes."""
        self._line.setdefault(contact_id)
        return next_slot + self._interval * list(self._line).index(contact_id)

    def leave(self, contact_id: UUID) -> None:
        """It waits no more."""
        self._line.pop(contact_id, None)
