"""The ledger as the send activity uses it: each step one transaction."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db import channels
from db.engine import Database
from db.ledger import claim as claims
from db.ledger import record
from db.tables import Delivery
from domain.deliveries import DeliveryRequest, Receipt
from domain.gate import Decision, Reason, Verdict
from domain.statuses import ChannelStatus, DeliveryStatus

NO_GRACE = timedelta(0)
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0

_CLOSED_REASON = {
    ChannelStatus.CREDENTIALS_EXPIRED: Reason.CREDENTIALS_EXPIRED,
    ChannelStatus.BLOCKED: Reason.CHANNEL_BLOCKED,
}


class Ledger:
    """Opens a transaction for each step and hands it to `db/ledger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def now() -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    async def claim(self, request: DeliveryRequest, lease: timedelta) -> claims.Claim:
        """What may be done about the request now."""
        async with self._database.tenant(request.tenant_id) as session:
            return await claims.claim(session, request, lease)

    async def grant_again(
        self, delivery_id: UUID, request: DeliveryRequest, lease: timedelta
    ) -> Receipt | claims.Granted | claims.InFlight:
        """Through the gate once more, after the platform surely does not have it."""
        async with self._database.tenant(request.tenant_id) as session:
            return await claims.grant_again(session, delivery_id, request, lease)

    async def sent(
        self,
        delivery_id: UUID,
        request: DeliveryRequest,
        provider_message_id: str | None,
        wa_id: str | None,
        *,
        at: datetime | None = None,
    ) -> Receipt:
        """The platform has it; its breaker hears of the answer."""
        async with self._database.tenant(request.tenant_id) as session:
            delivery = await self._row(session, delivery_id)
            receipt = await record.sent(session, delivery, provider_message_id, wa_id, at or self.now())
            await self._answered(session, request, answered=True)
            return receipt

    async def failed(self, delivery_id: UUID, request: DeliveryRequest, reason: str) -> Receipt:
        """The platform refused this very message; that too is an answer."""
        async with self._database.tenant(request.tenant_id) as session:
            receipt = await record.failed(session, await self._row(session, delivery_id), reason, self.now())
            await self._answered(session, request, answered=True)
            return receipt

    async def throttled(self, delivery_id: UUID, request: DeliveryRequest, seconds: float, reason: str) -> Receipt:
        """Nobody calls this channel's platform before it said."""
        until = self.now() + timedelta(seconds=seconds)
        async with self._database.tenant(request.tenant_id) as session:
            delivery = await self._row(session, delivery_id)
            verdict = Verdict(Decision.HOLD, Reason.THROTTLED, until, "platform throttle")
            receipt = await record.not_taken(session, delivery, verdict, reason, self.now())
            await channels.throttle(session, request.tenant_id, request.channel_id, until)
            return receipt

    async def not_taken(self, delivery_id: UUID, request: DeliveryRequest, reason: str) -> Receipt:
        """The platform could not be reached: tried again after a pause that doubles."""
        async with self._database.tenant(request.tenant_id) as session:
            delivery = await self._row(session, delivery_id)
            pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** (delivery.attempts - 1))
            # A message that never reached the platform cannot be the one at fault.
            delivery.counted_attempts = 0
            verdict = Verdict(
                Decision.HOLD, Reason.BREAKER_OPEN, self.now() + timedelta(seconds=pause), "channel health"
            )
            receipt = await record.not_taken(session, delivery, verdict, reason, self.now())
            await self._answered(session, request, answered=False)
            return receipt

    async def channel_closed(
        self, delivery_id: UUID, request: DeliveryRequest, status: ChannelStatus, reason: str
    ) -> Receipt:
        """The account cannot send: its work is parked until a person has mended it."""
        async with self._database.tenant(request.tenant_id) as session:
            delivery = await self._row(session, delivery_id)
            if delivery.status != DeliveryStatus.UNKNOWN:
                verdict = Verdict(Decision.HOLD, _CLOSED_REASON[status], None, "channel health")
                await record.held(session, delivery, verdict, self.now(), was_probe=True)
            await channels.close_channel(session, request.tenant_id, request.channel_id, status, reason)
            return await record.receipt(session, delivery)

    async def unknown(self, delivery_id: UUID, request: DeliveryRequest, reason: str, grace: timedelta) -> None:
        """The call is over and its outcome is not known."""
        async with self._database.tenant(request.tenant_id) as session:
            await record.unknown(session, await self._row(session, delivery_id), reason, self.now(), grace)
            await self._answered(session, request, answered=False)

    async def unsettled(self, delivery_id: UUID, request: DeliveryRequest, reason: str) -> Receipt:
        """Still not known. An attempt that died without a word is unknown from here on; its lease was its grace."""
        async with self._database.tenant(request.tenant_id) as session:
            return await record.unknown(session, await self._row(session, delivery_id), reason, self.now(), NO_GRACE)

    async def _row(self, session: AsyncSession, delivery_id: UUID) -> Delivery:
        return (await session.exec(select(Delivery).where(col(Delivery.id) == delivery_id).with_for_update())).one()

    async def _answered(self, session: AsyncSession, request: DeliveryRequest, *, answered: bool) -> None:
        await channels.note_outcome(session, request.tenant_id, request.channel_id, answered=answered, at=self.now())
