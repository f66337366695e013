"""The ledger as the send activity uses it: each step one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from db import channels
from db.engine import Database, Undo, driver_of
from db.ledger import claim as claims
from db.ledger import express, record
from db.ledger.attempts import Attempt, Claim, Granted, InFlight, as_it_stands, lock_attempt, lock_delivery
from db.ledger.clock import clock
from db.tables import Delivery
from domain.deliveries import DeliveryRequest, Receipt
from domain.gate import Decision, Reason, Verdict
from domain.statuses import ChannelStatus, DeliveryStatus

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0

_CLOSED_REASON = {
    ChannelStatus.CREDENTIALS_EXPIRED: Reason.CREDENTIALS_EXPIRED,
    ChannelStatus.BLOCKED: Reason.CHANNEL_BLOCKED,
}


class Ledger:
    """Opens a transaction for each step and hands it to `db/ledger`.

    What an attempt says that is no longer the last one changes nothing: it gets the delivery as it stands. Only that
    the platform has the message is believed of any attempt.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def now() -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    async def claim(self, request: DeliveryRequest, lease: timedelta, grace: timedelta) -> Claim:
        """What may be done about the request now."""
        step: Granted | InFlight | None = None
        async with self._database.quick(request.tenant_id) as connection:
            step = await express.claim(connection, request, lease)
            if not isinstance(step, Granted):
                raise Undo
        if step is not None:
            return step
        async with self._database.tenant(request.tenant_id) as session:
            return await claims.claim(session, request, lease, grace)

    async def grant_again(
        self, attempt: Attempt, request: DeliveryRequest, lease: timedelta
    ) -> Receipt | Granted | InFlight:
        """Through the gate once more, after the platform surely does not have it."""
        async with self._database.tenant(request.tenant_id) as session:
            return await claims.grant_again(session, attempt, request, lease)

    async def confirm(self, granted: Granted, request: DeliveryRequest, lease: timedelta) -> Receipt | InFlight | None:
        """Whether a claim that had to wait may still call (None)."""
        async with self._database.tenant(request.tenant_id) as session:
            return await claims.confirm(session, granted, request, lease)

    async def let_go(self, granted: Granted, request: DeliveryRequest) -> Receipt | InFlight:
        """The claim is given back: its maker has not called the platform and will not."""
        async with self._database.tenant(request.tenant_id) as session:
            return await claims.let_go(session, granted)

    async def sent(
        self,
        attempt: Attempt,
        request: DeliveryRequest,
        provider_message_id: str | None,
        wa_id: str | None,
        *,
        at: datetime | None = None,
    ) -> Receipt:
        """The platform has it, says its answer or a look-up, which may tell since when; its breaker hears of it."""
        settled: Receipt | None = None
        if at is None:
            async with self._database.quick(request.tenant_id) as connection:
                settled = await express.sent(connection, attempt, request, provider_message_id, wa_id)
        if settled is not None:
            return settled
        async with self._database.tenant(request.tenant_id) as session:
            delivery = await lock_delivery(session, attempt.delivery_id)
            now = await clock(session)
            sent_at = record.plausible(delivery, at or now, now)
            receipt = await record.sent(session, delivery, provider_message_id, wa_id, sent_at)
            await _answered(session, request, now, answered=True)
            return receipt

    async def presumed_sent(self, attempt: Attempt, request: DeliveryRequest) -> Receipt | InFlight:
        """Nobody can be asked, and the operator's policy is to take it as sent."""
        async with self._of(attempt, request) as (session, delivery):
            if delivery is None:
                return await as_it_stands(session, attempt)
            return await record.sent(session, delivery, None, None, await clock(session))

    async def failed(self, attempt: Attempt, request: DeliveryRequest, reason: str) -> Receipt | InFlight:
        """The platform refused this very message; that too is an answer."""
        async with self._of(attempt, request) as (session, delivery):
            if delivery is None:
                return await as_it_stands(session, attempt)
            now = await clock(session)
            receipt = await record.failed(session, delivery, reason, now)
            await _answered(session, request, now, answered=True)
            return receipt

    async def throttled(
        self, granted: Granted, request: DeliveryRequest, seconds: float, reason: str
    ) -> Receipt | InFlight:
        """Nobody calls this channel's platform before it said; that it said so shows that it answers."""
        async with self._of(granted.attempt, request) as (session, delivery):
            now = await clock(session)
            until = now + timedelta(seconds=seconds)
            if delivery is not None:
                claims.uncount(delivery, granted)  # the platform did not look at it
            verdict = Verdict(Decision.HOLD, Reason.THROTTLED, until, "platform throttle")
            receipt = await _put_off(session, granted.attempt, delivery, verdict, reason, now)
            await channels.throttle(session, request.tenant_id, request.channel_id, until)
            await _answered(session, request, now, answered=True)
            return receipt

    async def not_taken(self, attempt: Attempt, request: DeliveryRequest, reason: str) -> Receipt | InFlight:
        """The platform could not be reached: tried again after a pause that doubles."""
        async with self._of(attempt, request) as (session, delivery):
            now = await clock(session)
            pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (attempt.number - 1))
            if delivery is not None:
                # A message that never reached the platform cannot be the one at fault.
                delivery.counted_attempts = 0
            verdict = Verdict(Decision.HOLD, Reason.BREAKER_OPEN, now + timedelta(seconds=pause), "channel health")
            receipt = await _put_off(session, attempt, delivery, verdict, reason, now)
            await _answered(session, request, now, answered=False)
            return receipt

    async def channel_closed(
        self, attempt: Attempt, request: DeliveryRequest, status: ChannelStatus, reason: str
    ) -> Receipt | InFlight:
        """The account cannot send: its work is parked until a person has mended it."""
        async with self._of(attempt, request) as (session, delivery):
            if delivery is not None and delivery.status == DeliveryStatus.SENDING:
                verdict = Verdict(Decision.HOLD, _CLOSED_REASON[status], None, "channel health")
                await record.held(session, delivery, verdict, await clock(session), was_probe=True)
            await channels.close_channel(session, request.tenant_id, request.channel_id, status, reason)
            if delivery is None:
                return await as_it_stands(session, attempt)
            return await record.receipt(session, delivery)

    async def unknown(self, attempt: Attempt, request: DeliveryRequest, reason: str, grace: timedelta) -> None:
        """The call is over and its outcome is not known."""
        async with self._of(attempt, request) as (session, delivery):
            now = await clock(session)
            if delivery is not None:
                await record.unknown(session, delivery, reason, now, settle_after=now + grace)
            await _answered(session, request, now, answered=False)

    async def unsettled(
        self, attempt: Attempt, request: DeliveryRequest, reason: str, grace: timedelta
    ) -> Receipt | InFlight:
        """Still not known. One that died without a word wrote its request before its claim ran out, at the latest."""
        async with self._of(attempt, request) as (session, delivery):
            return await _still_unknown(session, attempt, delivery, reason, grace, is_platforms=False)

    async def not_answered(
        self, attempt: Attempt, request: DeliveryRequest, reason: str, grace: timedelta
    ) -> Receipt | InFlight:
        """Still not known, since the platform did not answer the question either; its breaker hears of that."""
        async with self._of(attempt, request) as (session, delivery):
            standing = await _still_unknown(session, attempt, delivery, reason, grace, is_platforms=True)
            connection, now = await driver_of(session), await clock(session)
            await channels.note_unanswered_question(connection, request.tenant_id, request.channel_id, now)
            return standing

    async def slow_down(self, request: DeliveryRequest, seconds: float) -> None:
        """A question was answered with "too fast": nobody calls this channel's platform before it said."""
        async with self._database.tenant(request.tenant_id) as session:
            until = await clock(session) + timedelta(seconds=seconds)
            await channels.throttle(session, request.tenant_id, request.channel_id, until)

    @asynccontextmanager
    async def _of(
        self, attempt: Attempt, request: DeliveryRequest
    ) -> AsyncIterator[tuple[AsyncSession, Delivery | None]]:
        """A transaction that holds the delivery; None in its place when the attempt is not the last one any more."""
        async with self._database.tenant(request.tenant_id) as session:
            yield session, await lock_attempt(session, attempt)


async def _put_off(
    session: AsyncSession, attempt: Attempt, delivery: Delivery | None, verdict: Verdict, why: str, now: datetime
) -> Receipt | InFlight:
    """Held until the verdict's time, since the platform surely did not take it."""
    if delivery is None:
        return await as_it_stands(session, attempt)
    return await record.not_taken(session, delivery, verdict, why, now)


async def _still_unknown(
    session: AsyncSession,
    attempt: Attempt,
    delivery: Delivery | None,
    reason: str,
    grace: timedelta,
    *,
    is_platforms: bool,
) -> Receipt | InFlight:
    if delivery is None:
        return await as_it_stands(session, attempt)
    now = await clock(session)
    settle_after = (delivery.claim_expires_at or now) + grace
    return await record.unknown(session, delivery, reason, now, settle_after=settle_after, is_platforms=is_platforms)


async def _answered(session: AsyncSession, request: DeliveryRequest, at: datetime, *, answered: bool) -> None:
    connection = await driver_of(session)
    await channels.note_outcome(connection, request.tenant_id, request.channel_id, answered=answered, at=at)
