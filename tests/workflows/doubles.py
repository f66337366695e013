"""Working doubles of the workflows' ports, kept in memory and told what to answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from domain.campaigns import CampaignRef
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.pacing import Pacing
from domain.statuses import CampaignStatus, DeliveryKind
from tests.waiting import until
from workflows.ports import (
    CampaignPlan,
    Campaigns,
    Channels,
    CheckRequest,
    CheckResult,
    CloseRequest,
    CloseResult,
    Count,
    Deliveries,
    Enrollments,
    Finding,
    Holds,
    Inbound,
    LaunchRequest,
    LaunchResult,
    MarkRequest,
    MarkResult,
    ReleaseRequest,
    Stock,
    StockRequest,
    SweepRequest,
)

Answer = Callable[[DeliveryRequest], Receipt]


def sent(request: DeliveryRequest, window: timedelta = timedelta(hours=24)) -> Receipt:
    """A receipt for a message that went out when the workflow asked."""
    at = request.scheduled_at or datetime.now(UTC)
    return Receipt(delivery_id=uuid4(), outcome=ReceiptOutcome.SENT, sent_at=at, reply_deadline=at + window)


def held(until: datetime | None = None, reason: str = "held") -> Receipt:
    """A receipt for a message that may not go out yet."""
    return Receipt(delivery_id=uuid4(), outcome=ReceiptOutcome.HELD, reason=reason, hold_until=until)


def ended(outcome: ReceiptOutcome, reason: str = "because") -> Receipt:
    """A receipt for a message that is not out."""
    return Receipt(delivery_id=uuid4(), outcome=outcome, reason=reason)


class RememberedDeliveries(Deliveries):
    """Sends by remembering; `answers` are given in turn, the last for ever; keys are sent once."""

    def __init__(self, *answers: Receipt | Answer) -> None:
        self.answers = list(answers) or [sent]
        self.asked: list[DeliveryRequest] = []
        self.out: list[str] = []

    @activity.defn(name="deliveries.send")
    async def send(self, request: DeliveryRequest) -> Receipt:
        """The next answer."""
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        receipt = answer if isinstance(answer, Receipt) else answer(request)
        if receipt.outcome == ReceiptOutcome.SENT and request.idempotency_key not in self.out:
            self.out.append(request.idempotency_key)
        return receipt

    async def until_asked(self, times: int) -> None:
        """Waits until so many sends were asked for."""

        async def asked() -> bool:
            return len(self.asked) >= times

        await until(asked, f"{times} sends asked for")

    def kinds(self) -> list[DeliveryKind]:
        """What was asked for, in order."""
        return [request.kind for request in self.asked]


class RememberedEnrollments(Enrollments):
    """Closes by remembering; `recorded_reply` is a reply that the database has and nobody signalled."""

    def __init__(self, recorded_reply: UUID | None = None) -> None:
        self.recorded_reply = recorded_reply
        self.closed: list[str] = []

    @activity.defn(name="enrollments.close")
    async def close(self, request: CloseRequest) -> CloseResult:
        """Closes, unless a reply is on record."""
        if request.outcome in ("no_reply", "unknown") and self.recorded_reply is not None:
            return CloseResult(closed=False, interaction_id=self.recorded_reply)
        self.closed.append(request.outcome)
        return CloseResult(closed=True)


class RememberedCampaigns(Campaigns):
    """A campaign of so many contacts; each launched one is out at once, `errored` of each batch with an error."""

    def __init__(self, contacts: int, pacing: Pacing, *, errored: int = 0, start_at: datetime | None = None) -> None:
        self.waiting = contacts
        self.pacing = pacing
        self.errored = errored
        self.start_at = start_at
        self.launches: list[LaunchRequest] = []
        self.marks: list[MarkRequest] = []
        self.probe: str | None = None
        self.failed = 0
        self.stopped = 0
        self.sample = 0
        self.opens_at: datetime | None = None
        self.launching: asyncio.Event | None = None
        """While it is there and not set, a launch has begun and is not over."""
        self.written = True
        """Whether whoever started it has written that down."""
        self.completes_after = 0
        """How often "completed" cannot be written."""

    @activity.defn(name="campaigns.plan")
    async def plan(self, campaign: CampaignRef) -> CampaignPlan:
        """The plan as it was given, in the state that was last written."""
        status = CampaignStatus.COMPLETED if campaign.reopen else CampaignStatus.RUNNING
        if self.marks:
            status = self.marks[-1].status
        elif not self.written:
            status = CampaignStatus.DRAFT
        elif self.start_at:
            status = CampaignStatus.SCHEDULED
        return CampaignPlan(
            status=status,
            channel_id=uuid4(),
            rate_per_second=100,
            reply_window_seconds=60,
            pacing=self.pacing,
            delay_seconds=self.pacing.delay_seconds,
            start_at=self.start_at,
        )

    @activity.defn(name="campaigns.launch")
    async def launch(self, request: LaunchRequest) -> LaunchResult:
        """Takes the next contacts out of the line, unless the send window is closed."""
        if self.opens_at is not None and self.opens_at > datetime.now(UTC):
            self.launches.append(request)
            return LaunchResult(started=0, exhausted=False, opens_at=self.opens_at)
        started = min(request.size, self.waiting)
        self.waiting -= started
        self.sample += started
        self.launches.append(request)
        exhausted = self.waiting == 0
        while self.launching is not None and not self.launching.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return LaunchResult(started=started, exhausted=exhausted)

    @activity.defn(name="campaigns.take_stock")
    async def take_stock(self, request: StockRequest) -> Stock:
        """All that was launched since the last sample that was judged."""
        attempted, self.sample = self.sample, 0
        return Stock(
            taken_at=datetime.now(UTC),
            in_flight=0,
            attempted=attempted,
            errored=min(self.errored, attempted),
            open=self.waiting,
            in_line=self.waiting,
            rate_per_second=100,
            probe=self.probe,
        )

    @activity.defn(name="campaigns.mark")
    async def mark(self, request: MarkRequest) -> MarkResult:
        """Remembers the state."""
        if request.status == CampaignStatus.COMPLETED and self.completes_after > 0:
            self.completes_after -= 1
            raise ConnectionError("the database is away")
        self.marks.append(request)
        return MarkResult(status=request.status, affected=self.waiting if request.status == "cancelled" else 0)

    @activity.defn(name="campaigns.requeue_failed")
    async def requeue_failed(self, campaign: CampaignRef) -> Count:
        """Puts the failed ones back."""
        count, self.failed = self.failed, 0
        self.waiting += count
        return Count(count=count)

    @activity.defn(name="campaigns.stop_open")
    async def stop_open(self, campaign: CampaignRef) -> Count:
        """Remembers that it was asked."""
        self.stopped += 1
        return Count(count=0)

    async def until_marked(self, status: CampaignStatus, times: int) -> None:
        """Waits until the campaign was put into this state so often."""

        async def marked() -> bool:
            return [mark.status for mark in self.marks].count(status) >= times

        await until(marked, f"{times} times {status}")

    def statuses(self) -> list[tuple[Any, str | None]]:
        """States and reasons in the order in which they were written."""
        return [(mark.status, mark.reason) for mark in self.marks]


class RememberedChannels(Channels):
    """Accounts that are all found to be as `finding` says."""

    def __init__(self, finding: Finding = Finding.READY) -> None:
        self.finding = finding
        self.asked: list[CheckRequest] = []

    @activity.defn(name="channels.check")
    async def check(self, request: CheckRequest) -> CheckResult:
        """The finding."""
        self.asked.append(request)
        return CheckResult(finding=self.finding)


class RememberedHolds(Holds):
    """Remembers releases; answers that so many were held."""

    def __init__(self, held_now: int = 0) -> None:
        self.held_now = held_now
        self.asked: list[ReleaseRequest] = []

    @activity.defn(name="holds.release")
    async def release(self, request: ReleaseRequest) -> Count:
        """As many as were held, at most the limit."""
        self.asked.append(request)
        return Count(count=self.held_now if request.limit is None else min(request.limit, self.held_now))


class RememberedInbound(Inbound):
    """Remembers sweeps."""

    def __init__(self) -> None:
        self.asked: list[SweepRequest] = []

    @activity.defn(name="inbound.sweep")
    async def sweep(self, request: SweepRequest) -> Count:
        """Nothing waits."""
        self.asked.append(request)
        return Count(count=0)
