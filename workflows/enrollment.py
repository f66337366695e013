"""One contact's campaign: Message 1, a reply within the window, Message 2 at once or the end."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import Priority

with workflow.unsafe.imports_passed_through():
    from domain import ids
    from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
    from domain.pacing import QUEUE_HEADROOM
    from domain.signals import ReplyReceived, StopRequest
    from domain.statuses import SEND_PRIORITY, DeliveryKind, Outcome
    from workflows.policies import IRREVERSIBLE, RECORD
    from workflows.ports import (
        CloseRequest,
        CloseResult,
        Deliveries,
        EnrollmentInput,
        EnrollmentResult,
        Enrollments,
    )


ENDED: dict[ReceiptOutcome, Outcome] = {
    ReceiptOutcome.FAILED: Outcome.FAILED,
    ReceiptOutcome.REFUSED: Outcome.SUPPRESSED,
    ReceiptOutcome.UNKNOWN: Outcome.UNKNOWN,
    ReceiptOutcome.HELD: Outcome.CANCELLED,
}
"""How a Message 1 that is not out ends an enrollment; a held one ends only by being stopped."""


STOPPED_AS: dict[str, Outcome] = {"opted_out": Outcome.OPTED_OUT, "failed": Outcome.FAILED}


@workflow.defn(name="Enrollment")
class Enrollment:
    """Waits without cost: between Message 1 and the reply it is one timer on the server."""

    @workflow.init
    def __init__(self, start: EnrollmentInput) -> None:
        self._start = start
        self._reply: ReplyReceived | None = None
        self._stop: StopRequest | None = None
        self._releases = 0

    @workflow.run
    async def run(self, start: EnrollmentInput) -> EnrollmentResult:
        """Message 1 → reply within the window → Message 2, or the end."""
        if self._stop is not None:  # came while the start was delayed: the send queue need not hear of it
            return await self._stopped(self._stop)
        message_1 = await self._send_message_1()
        if message_1.outcome != ReceiptOutcome.SENT:
            return await self._end_without_message_1(message_1)
        await self._wait_for_reply(self._window_left(message_1))
        if self._stop is not None:
            return await self._stopped(self._stop)
        if self._reply is None and await self._ends_without_reply():
            return self._ended(Outcome.NO_REPLY, "no reply within the window")
        return await self._answer()

    @workflow.signal
    async def reply_received(self, reply: ReplyReceived | None = None) -> None:
        """A reply that counts; repeats change nothing."""
        if self._reply is None:
            self._reply = reply or ReplyReceived()

    @workflow.signal
    async def release(self) -> None:
        """What held the message may be gone, or an unknown outcome was settled: ask the ledger again."""
        self._releases += 1

    @workflow.signal
    async def stop(self, request: StopRequest | None = None) -> None:
        """The campaign was cancelled or the person opted out: send nothing more."""
        self._stop = request or StopRequest()

    async def _send_message_1(self) -> Receipt:
        start = self._start.enrollment
        key = ids.message_1_key(start.campaign_id, start.contact_id, self._start.generation)
        return await self._send(self._request(DeliveryKind.MESSAGE_1, key), "Message 1")

    async def _answer(self) -> EnrollmentResult:
        start = self._start.enrollment
        key = ids.message_2_key(start.campaign_id, start.contact_id)
        receipt = await self._send(self._request(DeliveryKind.MESSAGE_2, key), "Message 2")
        if receipt.outcome == ReceiptOutcome.SENT:
            return self._ended(Outcome.ANSWERED, "Message 2 sent")
        if self._stop is not None:
            return await self._stopped(self._stop)
        return self._ended(Outcome.ANSWERED, f"Message 2 {receipt.outcome}: {receipt.reason}")

    def _request(self, kind: DeliveryKind, key: str) -> DeliveryRequest:
        start = self._start.enrollment
        return DeliveryRequest(
            tenant_id=start.tenant_id,
            channel_id=self._start.channel_id,
            contact_id=start.contact_id,
            kind=kind,
            idempotency_key=key,
            campaign_id=start.campaign_id,
            scheduled_at=workflow.now(),
            interaction_id=self._reply.interaction_id if self._reply is not None else None,
            replied_at=self._reply.received_at if self._reply is not None else None,
        )

    async def _send(self, request: DeliveryRequest, what: str) -> Receipt:
        """Asks the ledger until the answer is final: a held one is asked again when its hold ends or is released."""
        while True:
            seen = self._releases
            self._say(f"Sending {what}")
            receipt = await workflow.execute_activity_method(
                Deliveries.send,
                request,
                task_queue=ids.SEND_TASK_QUEUE,
                priority=self._priority(request.kind),
                summary=what,
                **IRREVERSIBLE,
            )
            if receipt.outcome not in (ReceiptOutcome.HELD, ReceiptOutcome.UNKNOWN):
                return receipt
            if not await self._wait_for_release(receipt, seen, request.kind, what):
                return receipt

    def _priority(self, kind: DeliveryKind) -> Priority:
        # The queue grants each fairness key one task a second times its weight: a little over the channel's own rate.
        return Priority(
            priority_key=SEND_PRIORITY[kind],
            fairness_key=str(self._start.channel_id),
            fairness_weight=self._start.rate_per_second * QUEUE_HEADROOM,
        )

    async def _wait_for_release(self, receipt: Receipt, seen: int, kind: DeliveryKind, what: str) -> bool:
        """False when there is nothing more to wait for: stopped, or an unknown Message 1 that nobody settled in time.

        An unknown Message 2 is what an answer ends with: it waits for whoever settles it, however long. So does an
        unknown Message 1 that was replied to.
        """
        unknown = receipt.outcome == ReceiptOutcome.UNKNOWN
        limit = None
        if unknown and kind == DeliveryKind.MESSAGE_1:
            limit = timedelta(seconds=self._start.reply_window_seconds)
        if receipt.hold_until is not None:
            limit = max(timedelta(milliseconds=10), receipt.hold_until - workflow.now())
        self._say(f"{what} {receipt.outcome}: {receipt.reason}")

        def over() -> bool:
            return self._stop is not None or self._releases > seen

        try:
            await workflow.wait_condition(
                over, timeout=limit, timeout_summary=f"{what} {receipt.outcome}: {receipt.reason}"
            )
        except TimeoutError:
            if not unknown:
                return True
            if self._reply is None and await self._ends(Outcome.UNKNOWN):
                return False
            await workflow.wait_condition(over)
        return self._stop is None

    def _window_left(self, message_1: Receipt) -> timedelta:
        sent_at: datetime = message_1.sent_at or workflow.now()
        deadline = message_1.reply_deadline or sent_at + timedelta(seconds=self._start.reply_window_seconds)
        return max(timedelta(0), deadline - workflow.now())

    async def _wait_for_reply(self, window: timedelta) -> None:
        self._say("Message 1 sent; waiting for a reply")
        try:
            await workflow.wait_condition(
                lambda: self._reply is not None or self._stop is not None,
                timeout=window,
                timeout_summary="Reply window",
            )
        except TimeoutError:
            self._say("Reply window over; looking once for a reply that was recorded but not signalled")

    async def _ends_without_reply(self) -> bool:
        return await self._ends(Outcome.NO_REPLY)

    async def _ends(self, outcome: Outcome) -> bool:
        """Closes it on record, unless a reply is found there that was not signalled."""
        result = await self._close(outcome)
        if not result.closed:
            self._reply = ReplyReceived(interaction_id=result.interaction_id)
        return result.closed

    async def _end_without_message_1(self, receipt: Receipt) -> EnrollmentResult:
        if self._stop is not None:
            return await self._stopped(self._stop)
        return self._ended(ENDED[receipt.outcome], receipt.reason)

    async def _close(self, outcome: Outcome) -> CloseResult:
        return await workflow.execute_local_activity_method(
            Enrollments.close, CloseRequest(enrollment=self._start.enrollment, outcome=outcome), **RECORD
        )

    async def _stopped(self, stop: StopRequest) -> EnrollmentResult:
        """Whoever stopped it closed it on record, unless a call was under way just then."""
        outcome = STOPPED_AS.get(stop.reason, Outcome.CANCELLED)
        await self._close(outcome)
        return self._ended(outcome, stop.reason)

    def _ended(self, outcome: Outcome, reason: str | None) -> EnrollmentResult:
        self._say(f"Ended: {reason or outcome.value}")
        return EnrollmentResult(outcome=outcome, reason=reason)

    def _say(self, details: str) -> None:
        workflow.set_current_details(details)
