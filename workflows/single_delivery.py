"""One message outside any campaign: a test send to oneself."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority

with workflow.unsafe.imports_passed_through():
    from domain import ids
    from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
    from domain.statuses import SEND_PRIORITY
    from workflows.policies import IRREVERSIBLE
    from workflows.ports import Deliveries

GIVE_UP = timedelta(days=1)


@workflow.defn(name="SingleDelivery")
class SingleDelivery:
    """Sends once; a hold is waited for, at most a day."""

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
            if not await self._wait(receipt, seen):
                return receipt

    @workflow.signal
    async def release(self) -> None:
        """What held the message may be gone: ask the ledger again."""
        self._releases += 1

    async def _wait(self, receipt: Receipt, seen: int) -> bool:
        limit = GIVE_UP
        if receipt.hold_until is not None:
            limit = max(timedelta(milliseconds=10), receipt.hold_until - workflow.now())
        workflow.set_current_details(f"{receipt.outcome}: {receipt.reason}")
        try:
            await workflow.wait_condition(lambda: self._releases > seen, timeout=limit, timeout_summary=receipt.reason)
        except TimeoutError:
            return receipt.hold_until is not None
        return True
