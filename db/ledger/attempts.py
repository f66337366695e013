"""One attempt at a delivery: what its maker may do, and how a late word from an earlier one is told apart."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger import record
from db.tables import Delivery
from domain.deliveries import Receipt
from domain.statuses import DeliveryStatus

FINAL = frozenset({DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.REFUSED})

IN_THE_AIR = frozenset({DeliveryStatus.SENDING, DeliveryStatus.UNKNOWN})
"""The platform may have it: only of such a delivery can an attempt say what became of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The how-manieth claim of which delivery."""

    delivery_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a delivery goes and what is needed to reach the platform."""

    platform: str
    credentials: bytes
    phone: str
    unknown_policy: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The caller, and nobody else until the lease is over, may call the platform, not before `call_at`.

    `asked_at` and `call_at` are readings of `time.monotonic()`: when the facts behind the grant were asked for, and
    when the channel's slot begins. Its calls are `interval_seconds` apart.
    `breaker_probe_at` is when it became the probe of a platform that was down, None if it is none.
    """

    attempt: Attempt
    destination: Destination
    body: str
    asked_at: float
    call_at: float
    interval_seconds: float
    breaker_probe_at: datetime | None


@dataclass(frozen=True, slots=True)
class InFlight:
    """Somebody else goes first, the holder of this claim or of the channel's slot; ask again after `seconds`."""

    seconds: float
    is_claimed: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An earlier attempt called, or may have called, the platform: ask before anything else.

    `absence_counts` tells whether "not found" may be believed by now; else ask again after `seconds`.
    """

    attempt: Attempt
    destination: Destination
    absence_counts: bool
    seconds: float


Claim = Receipt | Granted | InFlight | Unsettled


async def lock_delivery(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """The delivery's row, for this transaction alone."""
    return (await session.exec(select(Delivery).where(col(Delivery.id) == delivery_id).with_for_update())).one()


async def lock_attempt(session: AsyncSession, attempt: Attempt) -> Delivery | None:
    """The locked row while the attempt is the last one and not settled; None when its word comes too late.

    A process that was stopped for long may wake up after another took over: what it then learnt of its own call must
    not undo what became of the delivery since.
    """
    delivery = await lock_delivery(session, attempt.delivery_id)
    return delivery if delivery.attempts == attempt.number and delivery.status in IN_THE_AIR else None


async def as_it_stands(session: AsyncSession, attempt: Attempt) -> Receipt | InFlight:
    """What the maker of an attempt that is over hears: the receipt, or to ask again."""
    delivery = await lock_delivery(session, attempt.delivery_id)
    return await record.receipt(session, delivery) if delivery.status in FINAL else InFlight(0.0)
