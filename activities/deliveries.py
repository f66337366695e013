"""The one road of every send: claim, gate, call, settle, record."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.answering import Answering
from activities.heartbeats import heartbeating
from activities.ledger import Ledger
from activities.meter import Meter
from activities.spacing import Spacing
from connectors.base import PlatformConnector
from connectors.errors import (
    AccountBlocked,
    ConnectorError,
    CredentialsExpired,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Transient,
)
from connectors.shapes import Credentials, OutboundMessage
from db.ledger.attempts import Attempt, Destination, Granted, InFlight, Unsettled
from db.secrets import SecretBox, UnreadableSecret
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.statuses import ChannelStatus, DeliveryKind, UnknownPolicy
from workflows.ports import Deliveries

SHORT_HOLD = timedelta(seconds=15)
"""A hold shorter than this is waited for by the activity's own retry, which costs no history."""

FRESH_SECONDS = 0.25
"""A claim that is older than this when its slot comes is looked at once more: much may have changed meanwhile."""

CONFIRM_LEAD_SECONDS = 0.05
"""That look is taken this long before the slot, so that the call still begins on it."""

LATE_SECONDS = 1.0
"""A process that was held up between that look and the call for longer than this looks again, at most `LOOKS` times."""

LOOKS = 3

ASK_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between look-ups of an unsettled delivery."""

logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SendTimes:
    """How long a claim lasts, and how long after a lost answer "not found" is not yet believed."""

    lease: timedelta
    grace: timedelta


def _later(seconds: float, why: str) -> ApplicationError:
    """Not an error of anybody: the activity is to be tried again then."""
    return ApplicationError(
        why,
        type="Later",
        next_retry_delay=timedelta(seconds=max(seconds, 0.05)),
        category=ApplicationErrorCategory.BENIGN,  # waiting for one's turn is not worth a warning with a traceback
    )


def _pause() -> float:
    return ASK_AGAIN_SECONDS[min(activity.info().attempt, len(ASK_AGAIN_SECONDS)) - 1]


class ChannelDeliveries(Deliveries):
    """Sends over the platforms' connectors; the ledger decides whether it may."""

    def __init__(
        self,
        ledger: Ledger,
        connectors: Mapping[str, PlatformConnector],
        secrets: SecretBox,
        times: SendTimes,
        meter: Meter | None = None,
        answering: Answering | None = None,
    ) -> None:
        self._ledger = ledger
        self._connectors = connectors
        self._secrets = secrets
        self._times = times
        self._spacing = Spacing()
        self._meter = meter or Meter()
        self._answering = answering or Answering()

    @activity.defn(name="deliveries.send")
    async def send(self, request: DeliveryRequest) -> Receipt:
        """Sends once under the request's idempotency key; repeating it returns the same receipt."""
        async with heartbeating():
            step = await self._ledger.claim(request, self._times.lease, self._times.grace)
            found_settled = self._meter.found_settled(step)
            if isinstance(step, Unsettled):
                step = await self._settle(step, request)
            if isinstance(step, Granted):
                if request.kind == DeliveryKind.MESSAGE_2:
                    self._answering.begins()
                step = await self._call(step, request)
            if not found_settled:
                self._meter.count(step, request)
            receipt = self._final(step)
            if not found_settled:
                ids = {"delivery_id": str(receipt.delivery_id), "kind": request.kind.value}
                logger.info("delivery.asked", outcome=receipt.outcome.value, reason=receipt.reason, **ids)
            return receipt

    def _final(self, step: Receipt | InFlight) -> Receipt:
        """A receipt for the workflow, unless it is to be asked again so soon that it need not hear of it."""
        if isinstance(step, InFlight):
            raise _later(step.seconds, "somebody else goes first: the holder of the claim, or of the channel's slot")
        if step.outcome != ReceiptOutcome.HELD or step.hold_until is None:
            return step
        left = step.hold_until - self._ledger.now()
        if left < SHORT_HOLD:
            raise _later(left.total_seconds(), f"held: {step.reason}")
        return step

    async def _call(self, granted: Granted, request: DeliveryRequest) -> Receipt | InFlight:
        try:
            changed = await self._await_turn(granted, request)
        except asyncio.CancelledError:  # the worker stops, or could not tell in time that it lives
            await self._ledger.let_go(granted, request)
            raise
        if changed is not None:
            return changed
        connector = self._connectors[granted.destination.platform]
        message = OutboundMessage(
            to_phone=granted.destination.phone, text=granted.body, reference=request.idempotency_key
        )
        try:
            taken = await connector.send(self._credentials(granted.destination), message)
        except ConnectorError as error:
            return await self._not_sent(granted, request, error)
        return await self._ledger.sent(granted.attempt, request, taken.provider_message_id, taken.wa_id)

    async def _await_turn(self, granted: Granted, request: DeliveryRequest) -> Receipt | InFlight | None:
        """Waits for the channel's slot; None when the platform may be called now, else what came between."""
        asked_at = granted.asked_at
        await asyncio.sleep(granted.call_at - CONFIRM_LEAD_SECONDS - time.monotonic())
        if time.monotonic() - asked_at > FRESH_SECONDS:
            asked_at = time.monotonic()
            changed = await self._ledger.confirm(granted, request, self._times.lease)
            if changed is not None:
                return changed
        await asyncio.sleep(granted.call_at - time.monotonic())
        async with self._spacing.turn(request.channel_id, granted.interval_seconds) as calls:
            for _ in range(LOOKS):
                if time.monotonic() - asked_at <= LATE_SECONDS:
                    calls()
                    return None
                asked_at = time.monotonic()
                changed = await self._ledger.confirm(granted, request, self._times.lease)
                if changed is not None:
                    return changed
        return await self._ledger.let_go(granted, request)  # this process is held up

    def _credentials(self, destination: Destination) -> Credentials:
        try:
            return Credentials(self._secrets.open_document(destination.credentials))
        except UnreadableSecret as error:  # a key was rotated away: a person has to give the credentials anew
            raise CredentialsExpired(str(error)) from error

    async def _not_sent(self, granted: Granted, request: DeliveryRequest, error: ConnectorError) -> Receipt | InFlight:
        """What each meaning of an error leads to (SPEC DEL-5)."""
        attempt = granted.attempt
        match error:
            case Throttled():
                return await self._ledger.throttled(granted, request, error.retry_after_seconds, error.message)
            case Transient():
                return await self._ledger.not_taken(attempt, request, error.message)
            case CredentialsExpired():
                expired = ChannelStatus.CREDENTIALS_EXPIRED
                return await self._ledger.channel_closed(attempt, request, expired, error.message)
            case AccountBlocked():
                return await self._ledger.channel_closed(attempt, request, ChannelStatus.BLOCKED, error.message)
            case OutcomeUnknown():
                await self._ledger.unknown(attempt, request, error.message, self._times.grace)
                raise _later(ASK_AGAIN_SECONDS[0], "the answer was lost: asking the platform")
            case Rejected() | _:
                return await self._ledger.failed(attempt, request, error.message)

    async def _settle(self, unsettled: Unsettled, request: DeliveryRequest) -> Receipt | Granted | InFlight:
        """Finds out what became of an earlier call before anything is sent again."""
        connector = self._connectors[unsettled.destination.platform]
        if not connector.capabilities.lookup_by_reference:
            return await self._settle_blind(unsettled, request)
        attempt = unsettled.attempt
        try:
            credentials = self._credentials(unsettled.destination)
            found = await connector.find_by_reference(credentials, request.idempotency_key)
        except ConnectorError as error:
            return await self._could_not_ask(attempt, request, error)
        if found is not None and found.raw_status == "failed":
            return await self._ledger.failed(attempt, request, "the platform took it and could not deliver it")
        if found is not None:
            self._meter.prevented("look_up")
            return await self._ledger.sent(
                attempt, request, found.provider_message_id, found.wa_id, at=found.accepted_at
            )
        if unsettled.absence_counts:
            return await self._ledger.grant_again(attempt, request, self._times.lease)
        await self._unsettled(attempt, request, "the answer was lost; the platform does not have it yet")
        raise _later(min(unsettled.seconds, _pause()), "too early to believe that the platform does not have it")

    async def _could_not_ask(
        self, attempt: Attempt, request: DeliveryRequest, error: ConnectorError
    ) -> Receipt | InFlight:
        """It stays unknown; the question is put again, unless the account itself must be mended first."""
        if isinstance(error, CredentialsExpired):
            await self._unsettled(attempt, request, error.message)
            expired = ChannelStatus.CREDENTIALS_EXPIRED
            return await self._ledger.channel_closed(attempt, request, expired, error.message)
        reason = f"could not ask the platform: {error.message}"
        if isinstance(error, Transient | OutcomeUnknown):
            await self._ledger.not_answered(attempt, request, reason, self._times.grace)
        else:
            await self._unsettled(attempt, request, reason)
        if isinstance(error, Throttled):
            await self._ledger.slow_down(request, error.retry_after_seconds)
            raise _later(error.retry_after_seconds, "the platform asked to slow down") from error
        raise _later(_pause(), "the platform cannot be asked just now") from error

    async def _unsettled(self, attempt: Attempt, request: DeliveryRequest, reason: str) -> Receipt | InFlight:
        return await self._ledger.unsettled(attempt, request, reason, self._times.grace)

    async def _settle_blind(self, unsettled: Unsettled, request: DeliveryRequest) -> Receipt | Granted | InFlight:
        """A platform that cannot be asked: the channel's policy says what is done."""
        match unsettled.destination.unknown_policy:
            case UnknownPolicy.MARK_SENT:
                return await self._ledger.presumed_sent(unsettled.attempt, request)
            case UnknownPolicy.RESEND if unsettled.absence_counts:
                return await self._ledger.grant_again(unsettled.attempt, request, self._times.lease)
            case UnknownPolicy.RESEND:
                raise _later(unsettled.seconds, "waiting before the message is sent again")
            case _:
                reason = "The answer was lost and the platform cannot be asked: an operator decides."
                return await self._unsettled(unsettled.attempt, request, reason)
