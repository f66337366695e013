"""How far a message came: delivery receipts only ever move it forward."""

from domain.problems import Problem

_ORDER = (
    "pending",
    "held",
    "queued",
    "suppressed",
    "refused",
    "cancelled",
    "sending",
    "unknown",
    "sent",
    "failed",
    "delivered",
    "read",
)
_RANK = {status: rank for rank, status in enumerate(_ORDER)}

RECEIPTS = frozenset({"sent", "delivered", "read", "failed"})
"""What a platform can report."""


class UnknownStatus(Problem):
    """A status that no message has, or that no platform reports."""


def advance(current: str, incoming: str) -> str:
    """The status of a message in state `current` after the receipt `incoming` (sent, delivered, read or failed).

    The later of the two in one fixed order, sent < failed < delivered < read, above everything that comes before the
    platform has the message. A maximum does not care for order or repeats, so receipts that arrive shuffled and
    doubled end in the same state. `failed` stands between: it corrects "sent", but where the person's device has
    confirmed the message, a failure (of a second device, or told late) takes nothing back, and a confirmation that
    comes after a failure is better evidence than the failure. A receipt for a message that was thought refused or
    cancelled proves that it went out after all. Raises UnknownStatus.
    """
    if incoming not in RECEIPTS:
        raise UnknownStatus(f"{incoming!r} is not a receipt; receipts are {', '.join(sorted(RECEIPTS))}")
    if current not in _RANK:
        raise UnknownStatus(f"{current!r} is not a status of a message")
    return max(current, incoming, key=_RANK.__getitem__)
