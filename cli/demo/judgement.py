"""The verdict on a campaign: a pure comparison of what Relance says with what the platform's log holds."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from cli.demo.evidence import Evidence, Reply, Seen, Told

OUT = frozenset({"sent", "delivered", "read"})
STATES = ("pending", "sending", "sent", "delivered", "read", "failed", "suppressed", "unknown", "cancelled")


class Kind(StrEnum):
    """What can be wrong."""

    DOUBLE = "double"
    LOSS = "loss"
    AFTER_STOP = "after_stop"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, in words."""

    kind: Kind
    words: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds between a reply and the arrival of Message 2 at the platform, over `count` people."""

    count: int = 0
    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every fault found; none means that both accounts agree. Latencies from the reply, and from its webhook's 200.

    `heard_late` counts people who wrote within the window and whose webhook was acknowledged after it.
    """

    faults: tuple[Fault, ...]
    heard_late: int
    from_reply: Latency
    from_acknowledgement: Latency

    @property
    def agrees(self) -> bool:
        """True when nothing is wrong."""
        return not self.faults

    def count(self, kind: Kind) -> int:
        """How many faults of one kind."""
        return sum(fault.kind is kind for fault in self.faults)


def judge(evidence: Evidence) -> Verdict:
    """Compare both accounts, person by person and in their sums."""
    seen = {person.phone: person for person in evidence.seen}
    told = {contact.phone: contact for contact in evidence.told}
    faults: list[Fault] = list(_sums(evidence))
    for contact in evidence.told:
        faults += _person(contact, seen.get(contact.phone, Seen(contact.phone)), evidence.window_seconds)
    for phone in seen.keys() - told.keys():
        if seen[phone].message_1 or seen[phone].message_2 or seen[phone].others:
            faults.append(Fault(Kind.DISAGREEMENT, f"{phone} is not in the campaign, yet the platform has a message"))
    answered = [(person.answer, person.message_2[0]) for person in evidence.seen if person.answer and person.message_2]
    return Verdict(
        tuple(faults),
        sum(_heard_late(contact, seen.get(contact.phone), evidence.window_seconds) for contact in evidence.told),
        latency(arrival - reply.at for reply, arrival in answered),
        latency(arrival - reply.acknowledged_at for reply, arrival in answered if reply.acknowledged_at is not None),
    )


def _heard_late(told: Told, seen: Seen | None, window: float) -> bool:
    if seen is None or told.sent_at is None or not seen.replies:
        return False
    first, deadline = min(seen.replies, key=lambda reply: reply.at), told.sent_at + window
    return first.at <= deadline and (first.acknowledged_at is None or first.acknowledged_at > deadline)


def latency(durations: Iterable[float]) -> Latency:
    """Count and nearest-rank percentiles."""
    ordered = sorted(durations)
    if not ordered:
        return Latency()
    return Latency(len(ordered), _rank(ordered, 0.50), _rank(ordered, 0.99))


def _rank(ordered: list[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1]


def _sums(evidence: Evidence) -> Iterator[Fault]:
    imported, counts = evidence.imported, evidence.counts
    total = counts["total"]
    checks = {
        f"the campaign is {evidence.status}, not completed": evidence.status == "completed",
        f"{evidence.unheard} events of the platform were not heard": evidence.unheard == 0,
        f"the file has {imported.rows} rows, the import accounts for "
        f"{imported.added + imported.duplicates + imported.invalid}": imported.rows
        == imported.added + imported.duplicates + imported.invalid,
        f"{imported.added} were imported, the campaign has {total}": imported.added == total,
        f"the states do not add up to {total}": sum(counts[name] for name in STATES) == total,
        f"the contact list has {len(evidence.told)} people, the page {total}": len(evidence.told) == total,
    }
    checks |= _recounted(evidence)
    yield from (Fault(Kind.DISAGREEMENT, words) for words, holds in checks.items() if not holds)


def _recounted(evidence: Evidence) -> dict[str, bool]:
    """The page's counts against the contact list. Receipts still move people among sent, delivered and read."""
    page, told = Counter(evidence.counts), evidence.told
    states = Counter("out" if contact.message_1 in OUT else contact.message_1 for contact in told)
    page["out"] = sum(page[name] for name in OUT)
    recount = {name: states[name] for name in ("out", *STATES) if name not in OUT}
    recount["replied"] = sum(contact.replied_at is not None for contact in told)
    recount["message_2_sent"] = sum(contact.message_2 in OUT for contact in told)
    recount["opted_out"] = sum(contact.opted_out for contact in told)
    return {
        f"the page counts {page[name]} {name}, the contact list {number}": page[name] == number
        for name, number in recount.items()
    }


def _person(told: Told, seen: Seen, window: float) -> Iterator[Fault]:
    yield from _message_1(told, seen)
    yield from _message_2(told, seen)
    yield from _after_stop(seen)
    if told.sent_at is not None:
        yield from _reply(told, seen, told.sent_at + window)
        yield from _stop(told, seen, told.sent_at + window)
    for _ in seen.others:
        yield Fault(Kind.DISAGREEMENT, f"{seen.phone}: the platform has a message that is neither of the two")


def _message_1(told: Told, seen: Seen) -> Iterator[Fault]:
    arrived, phone = len(seen.message_1), seen.phone
    for _ in range(arrived - 1):
        yield Fault(Kind.DOUBLE, f"{phone}: Message 1 arrived {arrived} times")
    if told.message_1 in OUT and not arrived:
        yield Fault(Kind.LOSS, f"{phone}: Message 1 is called {told.message_1}, the platform never had it")
    if told.message_1 in OUT and seen.failed:
        yield Fault(Kind.DISAGREEMENT, f"{phone}: Message 1 is called {told.message_1}, the platform says failed")
    if told.message_1 == "failed" and arrived and not seen.failed:
        yield Fault(Kind.DISAGREEMENT, f"{phone}: Message 1 is called failed, the platform has it")
    if told.message_1 in {"suppressed", "cancelled"} and arrived:
        yield Fault(Kind.DISAGREEMENT, f"{phone}: Message 1 is called {told.message_1}, yet it arrived")
    if told.message_1 in {"pending", "sending"}:
        yield Fault(Kind.LOSS, f"{phone}: Message 1 is still {told.message_1}")
    if told.message_1 == "unknown":
        yield Fault(Kind.DISAGREEMENT, f"{phone}: what became of Message 1 is unknown (it arrived {arrived} times)")


def _message_2(told: Told, seen: Seen) -> Iterator[Fault]:
    arrived, phone = len(seen.message_2), seen.phone
    for _ in range(arrived - 1):
        yield Fault(Kind.DOUBLE, f"{phone}: Message 2 arrived {arrived} times")
    if told.message_2 in OUT and not arrived:
        yield Fault(Kind.LOSS, f"{phone}: Message 2 is called {told.message_2}, the platform never had it")
    if arrived and told.message_2 not in OUT | {"failed"}:
        yield Fault(Kind.DISAGREEMENT, f"{phone}: Message 2 arrived, Relance calls it {told.message_2}")
    if arrived and (seen.answer is None or seen.answer.at > min(seen.message_2)):
        yield Fault(Kind.DISAGREEMENT, f"{phone}: Message 2 arrived without a reply before it")


def _reply(told: Told, seen: Seen, deadline: float) -> Iterator[Fault]:
    """A reply that was told in time counts; one written after the window does not. Told late, either is right."""
    reply = seen.answer
    if told.replied_at is not None and reply is None:
        yield Fault(Kind.DISAGREEMENT, f"{seen.phone}: counted as replied, yet this person wrote nothing")
    if reply is None or _stopped_before(seen, reply):
        return
    if reply.acknowledged_at is not None and reply.acknowledged_at <= deadline:
        if told.replied_at is None:
            yield Fault(Kind.LOSS, f"{seen.phone}: a reply in time was not counted")
        if not seen.message_2:
            yield Fault(Kind.LOSS, f"{seen.phone}: a reply in time got no Message 2")
    elif reply.at > deadline and seen.message_2:
        yield Fault(Kind.DISAGREEMENT, f"{seen.phone}: a reply after the window got Message 2")


def _stopped_before(seen: Seen, reply: Reply) -> bool:
    return seen.stop is not None and seen.stop.at <= reply.at


def _stop(told: Told, seen: Seen, deadline: float) -> Iterator[Fault]:
    stop = seen.stop
    if told.opted_out and stop is None:
        yield Fault(Kind.DISAGREEMENT, f"{seen.phone}: counted as opted out, yet this person sent no STOP")
    if stop is None or stop.acknowledged_at is None:
        return
    if not told.opted_out and stop.acknowledged_at <= deadline and told.replied_at is None:
        yield Fault(Kind.LOSS, f"{seen.phone}: a STOP was not counted")


def _after_stop(seen: Seen) -> Iterator[Fault]:
    """Once Relance has acknowledged a STOP, nothing more may arrive."""
    if seen.stop is None or seen.stop.acknowledged_at is None:
        return
    for arrival in (*seen.message_1, *seen.message_2, *seen.others):
        if arrival > seen.stop.acknowledged_at:
            yield Fault(Kind.AFTER_STOP, f"{seen.phone}: a message arrived after STOP")
