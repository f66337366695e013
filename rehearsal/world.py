"""The world of a rehearsal: the workflows' ports, played in memory on the clock of a server that skips."""

import asyncio
import time
from datetime import datetime, timedelta
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain import gate, ids
from domain.breaker import ErrorSample, judge
from domain.campaigns import CampaignRef
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.gate import REASON_TEXT, Decision, Reason, Verdict
from domain.signals import ReplyReceived
from domain.statuses import CampaignStatus, DeliveryKind, Outcome
from rehearsal.channel import BINDS, RehearsedChannel
from rehearsal.facts import Brief
from rehearsal.people import Habits, RehearsedReply, Reply
from rehearsal.result import LeftOut, Limit, Sent
from rehearsal.roll import Person, RateQueue, Roll
from rehearsal.windows import RehearsedWindows
from workflows.ports import (
    CampaignPlan,
    Campaigns,
    CloseRequest,
    CloseResult,
    Count,
    Deliveries,
    EnrollmentInput,
    EnrollmentRef,
    Enrollments,
    Holds,
    LaunchRequest,
    LaunchResult,
    MarkRequest,
    MarkResult,
    ReleaseRequest,
    Stock,
    StockRequest,
)

SHORT_HOLD = timedelta(seconds=15)
"""As in the engine: what is held for less is asked again by the activity's own retry."""

START_TAKES = timedelta(milliseconds=12)
LOOK = timedelta(milliseconds=100)
STARTS_AT_ONCE = 8


def server_time() -> datetime:
    """What the rehearsal's clock shows: the server says it with each task, and real time passes since then."""
    return activity.info().started_time


def later(until: datetime, why: str) -> ApplicationError:
    """To be asked again then. While an activity runs the clock stands still, so that none may wait by itself."""
    delay = max(until - server_time(), timedelta(milliseconds=10))
    return ApplicationError(why, type="Later", next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN)


class RehearsedDeliveries(Deliveries):
    """A platform that takes every message at once, after the gate; nothing is called."""

    def __init__(self, brief: Brief, roll: Roll, channel: RehearsedChannel, client: Client) -> None:
        self._brief = brief
        self._roll = roll
        self._channel = channel
        self._client = client
        self._habits = Habits(brief.assumptions)
        self._queue = RateQueue(channel.interval)
        self._windows = RehearsedWindows(brief.campaign)

    @activity.defn(name="deliveries.send")
    async def send(self, request: DeliveryRequest) -> Receipt:
        """Sends, holds or refuses as the gate says."""
        person = self._roll[request.contact_id]
        is_first = request.kind == DeliveryKind.MESSAGE_1
        if is_first and person.facts.lacking:
            return self._ended(person, ReceiptOutcome.FAILED, LeftOut.LACKS_VALUE)
        # It was due then; how late this machine is with it is no part of the rehearsal.
        now = min(server_time(), (person.due if is_first else person.reply_at) or server_time())
        if is_first and self._windows.never_meet(person.dial_prefix, now):
            # The engine would hold it for ever, and a rehearsal is to end.
            return self._ended(person, ReceiptOutcome.FAILED, LeftOut.NEVER_OPEN)
        verdict = self._judge(request.kind, person, now)
        if verdict.decision == Decision.REFUSE:
            return self._ended(person, ReceiptOutcome.REFUSED, LeftOut.OPTED_OUT)
        if is_first and verdict.decision == Decision.SEND and self._queue.is_behind_others(request.contact_id):
            verdict = Verdict(Decision.HOLD, Reason.RATE, self._channel.next_slot(now))
        if verdict.decision == Decision.HOLD:
            return self._held(request, person, verdict)
        self._queue.leave(request.contact_id)
        return await self._sent(request, person, self._channel.take(now))

    def _judge(self, kind: DeliveryKind, person: Person, now: datetime) -> Verdict:
        opens_at = self._windows.held_until(kind, person.dial_prefix, now)
        campaign = gate.CampaignFacts(status=self._roll.status, window_opens_at=opens_at)
        return self._channel.judge(kind, now, suppressed=person.facts.suppressed, campaign=campaign)

    def _ended(self, person: Person, outcome: ReceiptOutcome, reason: LeftOut) -> Receipt:
        person.left_out, person.closed = reason, True
        return Receipt(delivery_id=uuid4(), outcome=outcome, reason=reason.value)

    def _held(self, request: DeliveryRequest, person: Person, verdict: Verdict) -> Receipt:
        until = verdict.until
        if verdict.reason in BINDS:
            person.held_by = BINDS[verdict.reason]
        if verdict.reason != Reason.RATE:
            self._queue.leave(request.contact_id)
        elif until is not None and request.kind == DeliveryKind.MESSAGE_1:
            until = self._queue.turn(request.contact_id, until)
        if request.kind == DeliveryKind.MESSAGE_1:
            person.due = until
        else:
            person.reply_at = until or person.reply_at
        if until is not None and (verdict.reason == Reason.RATE or until - server_time() < SHORT_HOLD):
            raise later(until, f"held: {verdict.reason}")
        return Receipt(delivery_id=uuid4(), outcome=ReceiptOutcome.HELD, reason=_words(verdict), hold_until=until)

    async def _sent(self, request: DeliveryRequest, person: Person, at: datetime) -> Receipt:
        if request.kind != DeliveryKind.MESSAGE_1:
            person.closed = True
            due = request.scheduled_at or at
            self._roll.sent.append(Sent(request.kind, at, due, person.paced_by, person.held_by))
            return Receipt(delivery_id=uuid4(), outcome=ReceiptOutcome.SENT, sent_at=at)
        refused = self._habits.is_refused(request.contact_id)
        self._roll.asked.append((at, refused))
        if refused:
            return self._ended(person, ReceiptOutcome.FAILED, LeftOut.PLATFORM_REFUSED)
        self._roll.sent.append(
            Sent(request.kind, at, person.turn or at, person.paced_by, person.held_by, person.shut_at)
        )
        person.held_by = None
        person.out_at = at
        deadline = at + timedelta(seconds=self._brief.campaign.reply_window_seconds)
        await self._let_answer(request, person, at, deadline)
        return Receipt(delivery_id=uuid4(), outcome=ReceiptOutcome.SENT, sent_at=at, reply_deadline=deadline)

    async def _let_answer(self, request: DeliveryRequest, person: Person, at: datetime, deadline: datetime) -> None:
        thinks = self._habits.answers_after(request.contact_id)
        if thinks is None:
            return
        if at + thinks >= deadline:
            self._roll.late_replies += 1
            return
        person.reply_at = at + thinks
        self._roll.replies.append(person.reply_at)
        enrollment = ids.enrollment_workflow_id(self._brief.campaign.campaign_id, request.contact_id)
        said = ReplyReceived(interaction_id=uuid4(), received_at=person.reply_at)
        await self._client.start_workflow(
            RehearsedReply.run,
            Reply(workflow_id=enrollment, reply=said),
            id=f"{enrollment}/reply",
            task_queue=ids.TASK_QUEUE,
            start_delay=max(person.reply_at - server_time(), timedelta(0)),
        )


def _words(verdict: Verdict) -> str:
    return REASON_TEXT[verdict.reason] if verdict.reason is not None else ""


class RehearsedEnrollments(Enrollments):
    """Ends enrollments on the roll."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll

    @activity.defn(name="enrollments.close")
    async def close(self, request: CloseRequest) -> CloseResult:
        """Ends it, unless a reply came at the last moment."""
        person = self._roll[request.enrollment.contact_id]
        if request.outcome == Outcome.NO_REPLY:
            if person.reply_at is not None:
                return CloseResult(closed=False, interaction_id=uuid4())
            self._roll.no_reply += not person.closed
        person.closed = True
        return CloseResult(closed=True)


class RehearsedCampaigns(Campaigns):
    """Launches from the roll, takes stock of it, and keeps the campaign's state."""

    def __init__(self, brief: Brief, roll: Roll, client: Client) -> None:
        self._facts = brief.campaign
        self._roll = roll
        self._client = client
        self.stopped = asyncio.Event()
        """The campaign paused itself: nobody will resume it, so the rehearsal is over."""

    @activity.defn(name="campaigns.plan")
    async def plan(self, campaign: CampaignRef) -> CampaignPlan:
        """The plan as it stands."""
        facts = self._facts
        return CampaignPlan(
            status=self._roll.status,
            channel_id=facts.channel.id,
            rate_per_second=facts.channel.share_per_second,
            reply_window_seconds=facts.reply_window_seconds,
            pacing=facts.pacing,
            delay_seconds=facts.delay_seconds,
            start_at=facts.start_at,
        )

    @activity.defn(name="campaigns.launch")
    async def launch(self, request: LaunchRequest) -> LaunchResult:
        """Starts the next enrollments, each at its time; none while the campaign's window is closed for all."""
        began, now = time.monotonic(), server_time()
        first_at = max(request.first_at, now + START_TAKES)
        turn = self._roll.take_turn(request.size, first_at, request.delay_seconds)
        starts = asyncio.Semaphore(STARTS_AT_ONCE)

        async def start(index: int, person: Person) -> None:
            at = first_at + timedelta(seconds=index * request.delay_seconds)
            person.turn, person.due = at, at
            person.paced_by = self._paced_by(index, request.delay_seconds)
            async with starts:
                passed = timedelta(seconds=time.monotonic() - began)
                await self._start(person, max(timedelta(0), at - now - passed))

        await asyncio.gather(*(start(index, person) for index, person in enumerate(turn.batch)))
        return LaunchResult(
            started=len(turn.batch), exhausted=self._roll.exhausted, first_at=first_at, opens_at=turn.opens_at
        )

    def _paced_by(self, index: int, spacing: float) -> Limit:
        """What keeps this one of a batch from starting at once."""
        if index == 0 and self._facts.pacing.batch_pause_seconds > 0:
            return Limit.BATCH_PAUSE
        # A spacing shorter than the channel's interval is the rate's own.
        return Limit.DELAY if spacing * self._facts.channel.share_per_second > 1 else Limit.RATE

    async def _start(self, person: Person, delay: timedelta) -> None:
        facts = self._facts
        enrollment = EnrollmentRef(tenant_id=facts.tenant_id, campaign_id=facts.campaign_id, contact_id=person.facts.id)
        start = EnrollmentInput(
            enrollment=enrollment,
            channel_id=facts.channel.id,
            rate_per_second=facts.channel.share_per_second,
            reply_window_seconds=facts.reply_window_seconds,
        )
        await self._client.start_workflow(
            "Enrollment",
            start,
            id=ids.enrollment_workflow_id(facts.campaign_id, person.facts.id),
            task_queue=ids.TASK_QUEUE,
            start_delay=delay,
        )

    @activity.defn(name="campaigns.take_stock")
    async def take_stock(self, request: StockRequest) -> Stock:
        """Counts, once few enough are in flight or so many met errors that the campaign must judge."""
        now = server_time()
        attempted, errored = self._roll.sample(request.since)
        few_at = self._roll.few_at(request.in_flight)
        if few_at is not None and not judge_now(attempted, errored):
            raise later(max(few_at, now) + LOOK, "the batch is still going out")
        return Stock(
            taken_at=now,
            in_flight=len(self._roll.in_flight),
            attempted=attempted,
            errored=errored,
            open=self._roll.open,
            rate_per_second=self._facts.channel.share_per_second,
            held_until=self._roll.held_until,
        )

    @activity.defn(name="campaigns.mark")
    async def mark(self, request: MarkRequest) -> MarkResult:
        """Keeps the state."""
        self._roll.status = request.status
        if request.status == CampaignStatus.PAUSED:
            self._roll.paused_reason = request.reason
            self.stopped.set()
        return MarkResult(status=request.status)

    @activity.defn(name="campaigns.requeue_failed")
    async def requeue_failed(self, campaign: CampaignRef) -> Count:
        """Nobody asks for it in a rehearsal."""
        return Count(count=0)

    @activity.defn(name="campaigns.stop_open")
    async def stop_open(self, campaign: CampaignRef) -> Count:
        """Nobody cancels in a rehearsal."""
        return Count(count=0)


class RehearsedHolds(Holds):
    """Nothing is held without an end in a rehearsal."""

    @activity.defn(name="holds.release")
    async def release(self, request: ReleaseRequest) -> Count:
        """None."""
        return Count(count=0)


def judge_now(attempted: int, errored: int) -> bool:
    """Whether the sample so far pauses the campaign."""
    return judge(ErrorSample(attempted=attempted, errored=errored)).tripped
