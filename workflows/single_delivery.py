"""One message outside any campaign: a test send to oneself."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority

with workflow.unsafe.imports_passed_through():
    from domain import ids
    from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
    from domain.statuses import SEND_PRIORITY
    from workflows.policies import IRREVERSIBLE
    from workflows.ports import Deliveries

ASK_AGAIN = timedelta(days=1)
"""What holds a message without an end is told when it goes; this is for one that could not be told."""


@workflow.defn(name="SingleDelivery")
class SingleDelivery:
    """Sends once; a hold, or an outcome that nobody knows, is waited for however long, as in a campaign."""

    def __init__(self) -> None:
        self._releases = 0

    @workflow.run
    async def run(self, request: DeliveryRequest) -> Receipt:
        """Asks the ledger until the answer is final."""
        while True:
            seen = self._releases
            receipt = await workflow.execute_activity_method(
                Deliveries.send,
                request,
                task_queue=ids.SEND_TASK_QUEUE,
                priority=Priority(priority_key=SEND_PRIORITY[request.kind], fairness_key=str(request.channel_id)),
                summary=f"Send {request.kind}",
                **IRREVERSIBLE,
            )
            if receipt.outcome not in (ReceiptOutcome.HELD, ReceiptOutcome.UNKNOWN):
                return receipt
            await self._wait(receipt, seen)

    @workflow.signal
    async def release(self) -> None:
        """What held the message may be gone: ask the ledger again."""
        self._releases += 1

    async def _wait(self, receipt: Receipt, seen: int) -> None:
        limit = ASK_AGAIN
        if receipt.hold_until is not None:
            limit = max(timedelta(milliseconds=10), receipt.hold_until - workflow.now())
        workflow.set_current_details(f"{receipt.outcome}: {receipt.reason}")
        with suppress(TimeoutError):  # the hold may be over
            await workflow.wait_condition(lambda: self._releases > seen, timeout=limit, timeout_summary=receipt.reason)
