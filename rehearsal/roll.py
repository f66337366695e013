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
    """One contact. Its turn comes at `turn`; `due` is when it is looked at next, `held_by` what last held it."""

    facts: ContactFacts
    paced_by: Limit = Limit.DELAY
    turn: datetime | None = None
    launched: bool = False
    out_at: datetime | None = None
    due: datetime | None = None
    held_by: Limit | None = None
    reply_at: datetime | None = None
    left_out: LeftOut | None = None
    closed: bool = False

    @property
    def in_flight(self) -> bool:
        """Launched, and Message 1 is not out yet."""
        return self.launched and not self.closed and self.out_at is None


class Roll:
    """All contacts in order, and the log of what went out."""

    def __init__(self, facts: CampaignFacts) -> None:
        self.people = {contact.id: Person(contact) for contact in facts.contacts}
        self.order = list(self.people.values())
        self.status = CampaignStatus.DRAFT
        self.paused_reason: str | None = None
        self.sent: list[Sent] = []
        self.replies: list[datetime] = []
        self.late_replies = 0
        self.no_reply = 0
        self.asked: list[tuple[datetime, bool]] = []
        """When the platform was asked for a Message 1, and whether it refused."""
        self._next = 0

    def __getitem__(self, contact_id: UUID) -> Person:
        return self.people[contact_id]

    def take_next(self, size: int) -> list[Person]:
        """The next in line."""
        batch = self.order[self._next : self._next + size]
        self._next += len(batch)
        return batch

    @property
    def exhausted(self) -> bool:
        """Whether everybody was launched."""
        return self._next >= len(self.order)

    @property
    def in_flight(self) -> list[Person]:
        """Those launched whose Message 1 is not out."""
        return [person for person in self.order[: self._next] if person.in_flight]

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
