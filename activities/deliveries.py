"""The one road of every send: claim, gate, call, settle, record."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import heartbeating
from activities.ledger import Ledger
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
from db.ledger.claim import Destination, Granted, InFlight, Unsettled
from db.secrets import SecretBox
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.statuses import ChannelStatus, UnknownPolicy
from workflows.ports import Deliveries

SHORT_HOLD = timedelta(seconds=15)
"""A hold shorter than this is waited for by the activity's own retry, which costs no history."""

LATE_SECONDS = 1.0
"""A process that was stopped between claim and call for longer than this asks for the claim again."""

ASK_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between look-ups of an unsettled delivery."""


@dataclass(frozen=True, slots=True)
class SendTimes:
    """How long a claim lasts, and how long after a lost answer "not found" is not yet believed."""

    lease: timedelta
    grace: timedelta


def _later(seconds: float, why: str) -> ApplicationError:
    """Not an error of anybody: the activity is to be tried again then."""
    return ApplicationError(why, type="Later", next_retry_delay=timedelta(seconds=max(seconds, 0.05)))


def _pause() -> float:
    return ASK_AGAIN_SECONDS[min(activity.info().attempt, len(ASK_AGAIN_SECONDS)) - 1]


class ChannelDeliveries(Deliveries):
    """Sends over the platforms' connectors; the ledger decides whether it may."""

    def __init__(
        self, ledger: Ledger, connectors: Mapping[str, PlatformConnector], secrets: SecretBox, times: SendTimes
    ) -> None:
        self._ledger = ledger
        self._connectors = connectors
        self._secrets = secrets
        self._times = times

    @activity.defn(name="deliveries.send")
    async def send(self, request: DeliveryRequest) -> Receipt:
        """Sends once under the request's idempotency key; repeating it returns the same receipt."""
        async with heartbeating():
            asked_at = time.monotonic()
            step = await self._ledger.claim(request, self._times.lease)
            if isinstance(step, Unsettled):
                asked_at = time.monotonic()
                step = await self._settle(step, request)
            if isinstance(step, InFlight):
                raise _later(
                    step.seconds, "somebody else goes first: the holder of the claim, or of the channel's slot"
                )
            if isinstance(step, Receipt):
                return self._final(step)
            return self._final(await self._call(step, request, asked_at))

    def _final(self, receipt: Receipt) -> Receipt:
        """A receipt for the workflow, unless its hold is so short that it need not hear of it."""
        if receipt.outcome != ReceiptOutcome.HELD or receipt.hold_until is None:
            return receipt
        left = receipt.hold_until - self._ledger.now()
        if left < SHORT_HOLD:
            raise _later(left.total_seconds(), f"held: {receipt.reason}")
        return receipt

    async def _call(self, granted: Granted, request: DeliveryRequest, asked_at: float) -> Receipt:
        await asyncio.sleep(granted.wait_seconds)
        if time.monotonic() - asked_at > granted.wait_seconds + LATE_SECONDS:
            raise _later(self._times.lease.total_seconds(), "this process was held up; the claim is left to run out")
        connector, credentials = self._reach(granted.destination)
        message = OutboundMessage(
            to_phone=granted.destination.phone, text=granted.body, reference=request.idempotency_key
        )
        try:
            taken = await connector.send(credentials, message)
        except ConnectorError as error:
            return await self._not_sent(granted, request, error)
        return await self._ledger.sent(granted.delivery_id, request, taken.provider_message_id, taken.wa_id)

    def _reach(self, destination: Destination) -> tuple[PlatformConnector, Credentials]:
        return self._connectors[destination.platform], Credentials(self._secrets.open_document(destination.credentials))

    async def _not_sent(self, granted: Granted, request: DeliveryRequest, error: ConnectorError) -> Receipt:
        """What each meaning of an error leads to (SPEC DEL-5)."""
        match error:
            case Throttled():
                return await self._ledger.throttled(
                    granted.delivery_id, request, error.retry_after_seconds, error.message
                )
            case Transient():
                return await self._ledger.not_taken(granted.delivery_id, request, error.message)
            case CredentialsExpired():
                return await self._ledger.channel_closed(
                    granted.delivery_id, request, ChannelStatus.CREDENTIALS_EXPIRED, error.message
                )
            case AccountBlocked():
                return await self._ledger.channel_closed(
                    granted.delivery_id, request, ChannelStatus.BLOCKED, error.message
                )
            case OutcomeUnknown():
                await self._ledger.unknown(granted.delivery_id, request, error.message, self._times.grace)
                raise _later(ASK_AGAIN_SECONDS[0], "the answer was lost: asking the platform")
            case Rejected() | _:
                return await self._ledger.failed(granted.delivery_id, request, error.message)

    async def _settle(self, unsettled: Unsettled, request: DeliveryRequest) -> Receipt | Granted | InFlight:
        """Finds out what became of an earlier call before anything is sent again."""
        connector, credentials = self._reach(unsettled.destination)
        if not connector.capabilities.lookup_by_reference:
            return await self._settle_blind(unsettled, request)
        try:
            found = await connector.find_by_reference(credentials, request.idempotency_key)
        except CredentialsExpired as error:
            await self._ledger.unsettled(unsettled.delivery_id, request, error.message)
            return await self._ledger.channel_closed(
                unsettled.delivery_id, request, ChannelStatus.CREDENTIALS_EXPIRED, error.message
            )
        except ConnectorError as error:
            await self._ledger.unsettled(unsettled.delivery_id, request, f"could not ask the platform: {error.message}")
            raise _later(_pause(), "the platform cannot be asked just now") from error
        if found is not None and found.raw_status == "failed":
            return await self._ledger.failed(
                unsettled.delivery_id, request, "the platform took it and could not deliver it"
            )
        if found is not None:
            return await self._ledger.sent(
                unsettled.delivery_id, request, found.provider_message_id, found.wa_id, at=found.accepted_at
            )
        if not unsettled.absence_counts:
            await self._ledger.unsettled(
                unsettled.delivery_id, request, "the answer was lost; the platform does not have it yet"
            )
            raise _later(min(unsettled.seconds, _pause()), "too early to believe that the platform does not have it")
        return await self._ledger.grant_again(unsettled.delivery_id, request, self._times.lease)

    async def _settle_blind(self, unsettled: Unsettled, request: DeliveryRequest) -> Receipt | Granted | InFlight:
        """A platform that cannot be asked: the channel's policy says what is done."""
        match unsettled.destination.unknown_policy:
            case UnknownPolicy.MARK_SENT:
                return await self._ledger.sent(unsettled.delivery_id, request, None, None)
            case UnknownPolicy.RESEND if unsettled.absence_counts:
                return await self._ledger.grant_again(unsettled.delivery_id, request, self._times.lease)
            case UnknownPolicy.RESEND:
                raise _later(unsettled.seconds, "waiting before the message is sent again")
            case _:
                return await self._ledger.unsettled(
                    unsettled.delivery_id,
                    request,
                    "The answer was lost and the platform cannot be asked: an operator decides.",
                )
