"""One contact's campaign with the clock skipped: windows, races, holds, stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE, enrollment_workflow_id
from domain.signals import ReplyReceived, StopRequest
from domain.statuses import DeliveryKind
from tests.workflows.doubles import Answer, RememberedDeliveries, RememberedEnrollments, ended, held, sent
from workflows.enrollment import Enrollment
from workflows.ports import EnrollmentInput, EnrollmentRef, EnrollmentResult

WINDOW = timedelta(hours=24)
Handle = WorkflowHandle[Enrollment, EnrollmentResult]


@asynccontextmanager
async def enrolled(
    environment: WorkflowEnvironment,
    deliveries: RememberedDeliveries,
    enrollments: RememberedEnrollments | None = None,
    window: timedelta = WINDOW,
) -> AsyncIterator[Handle]:
    """An enrollment that runs; the worker keeps no cache, so that every step is replayed."""
    records = enrollments or RememberedEnrollments()
    ordinary = Worker(
        environment.client,
        task_queue=TASK_QUEUE,
        workflows=[Enrollment],
        activities=[records.close],
        max_cached_workflows=0,
    )
    sending = Worker(environment.client, task_queue=SEND_TASK_QUEUE, activities=[deliveries.send])
    async with ordinary, sending:
        at = EnrollmentRef(tenant_id=uuid4(), campaign_id=uuid4(), contact_id=uuid4())
        yield await environment.client.start_workflow(
            Enrollment.run,
            EnrollmentInput(
                enrollment=at, channel_id=uuid4(), rate_per_second=1, reply_window_seconds=window.total_seconds()
            ),
            id=enrollment_workflow_id(at.campaign_id, at.contact_id),
            task_queue=TASK_QUEUE,
            execution_timeout=timedelta(days=60),
        )


async def history_events(handle: Handle) -> int:
    """How many events the run cost."""
    return len((await handle.fetch_history()).events)


async def test_a_reply_one_minute_before_the_window_ends_gets_message_2(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries()
    async with enrolled(skipping, deliveries) as handle:
        await skipping.sleep(WINDOW - timedelta(minutes=1))
        await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        result = await handle.result()
        assert result.outcome == "answered"
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_2]
        assert await history_events(handle) <= 23


async def test_no_reply_ends_and_message_2_is_never_asked_for(skipping: WorkflowEnvironment) -> None:
    deliveries, enrollments = RememberedDeliveries(), RememberedEnrollments()
    async with enrolled(skipping, deliveries, enrollments) as handle:
        result = await handle.result()
        assert result.outcome == "no_reply"
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1]
        assert enrollments.closed == ["no_reply"]
        assert await history_events(handle) <= 19
        assert (await handle.describe()).raw_description.pending_activities == []


async def test_a_reply_that_was_recorded_but_not_signalled_still_gets_message_2(skipping: WorkflowEnvironment) -> None:
    interaction = uuid4()
    deliveries = RememberedDeliveries()
    async with enrolled(skipping, deliveries, RememberedEnrollments(recorded_reply=interaction)) as handle:
        assert (await handle.result()).outcome == "answered"
        assert deliveries.asked[-1].kind == DeliveryKind.MESSAGE_2
        assert deliveries.asked[-1].interaction_id == interaction


async def test_a_reply_while_message_1_is_in_flight_counts_once_it_is_sent(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries()
    async with enrolled(skipping, deliveries) as handle:
        await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        assert (await handle.result()).outcome == "answered"
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_2]


async def test_a_reply_to_a_message_1_that_failed_sends_nothing(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries(ended(ReceiptOutcome.FAILED, "phone:invalid"))
    async with enrolled(skipping, deliveries) as handle:
        await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        result = await handle.result()
        assert (result.outcome, result.reason) == ("failed", "phone:invalid")
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1]


async def test_repeated_replies_get_one_message_2(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries()
    async with enrolled(skipping, deliveries) as handle:
        for _ in range(5):
            await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        await handle.result()
        assert len(deliveries.out) == 2


async def test_a_signal_without_any_payload_counts_as_a_reply(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries()
    async with enrolled(skipping, deliveries) as handle:
        await handle.signal("reply_received")
        assert (await handle.result()).outcome == "answered"


@pytest.mark.parametrize("payload", [{"interaction_id": 5, "received_at": {}}, "yes", ["yes"], {"renamed": "x"}])
async def test_a_reply_signal_of_another_version_is_not_dropped(skipping: WorkflowEnvironment, payload: object) -> None:
    deliveries = RememberedDeliveries()
    async with enrolled(skipping, deliveries) as handle:
        await handle.signal("reply_received", payload)
        assert (await handle.result()).outcome == "answered"


async def test_a_hold_with_an_end_is_waited_out(skipping: WorkflowEnvironment) -> None:
    def until_later(request: DeliveryRequest) -> Receipt:
        assert request.scheduled_at is not None
        return held(request.scheduled_at + timedelta(hours=9), "Outside the send window.")

    deliveries = RememberedDeliveries(until_later, sent)
    async with enrolled(skipping, deliveries) as handle:
        await handle.result()
        first, second = deliveries.asked[0].scheduled_at, deliveries.asked[1].scheduled_at
        assert first is not None
        assert second is not None
        assert deliveries.asked[0].idempotency_key == deliveries.asked[1].idempotency_key
        history = await handle.fetch_history()
        fired = [event for event in history.events if event.HasField("timer_fired_event_attributes")]
        assert len(fired) == 2


async def test_a_hold_without_an_end_waits_for_a_release(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries(held(reason="The campaign is paused."), sent)
    async with enrolled(skipping, deliveries) as handle:
        await skipping.sleep(timedelta(days=3))
        assert len(deliveries.asked) == 1
        await handle.signal(Enrollment.release)
        assert (await handle.result()).outcome == "no_reply"
        assert len(deliveries.asked) == 2


class SlowToTell(RememberedDeliveries):
    """Has its answer, but tells it only when it may."""

    def __init__(self, *answers: Receipt | Answer) -> None:
        super().__init__(*answers)
        self.may_tell = asyncio.Event()

    @activity.defn(name="deliveries.send")
    async def send(self, request: DeliveryRequest) -> Receipt:
        """The next answer, late."""
        receipt = await super().send(request)
        await self.may_tell.wait()
        return receipt


async def test_a_release_that_comes_before_the_hold_is_told_is_not_lost(skipping: WorkflowEnvironment) -> None:
    deliveries = SlowToTell(held(reason="The campaign is paused."), sent)
    async with enrolled(skipping, deliveries) as handle:
        await deliveries.until_asked(1)
        await handle.signal(Enrollment.release)
        await handle.signal(Enrollment.release)
        deliveries.may_tell.set()
        assert (await handle.result()).outcome == "no_reply"


async def test_a_stop_while_waiting_for_a_reply_ends_it(skipping: WorkflowEnvironment) -> None:
    deliveries, enrollments = RememberedDeliveries(), RememberedEnrollments()
    async with enrolled(skipping, deliveries, enrollments) as handle:
        await skipping.sleep(timedelta(hours=1))
        await handle.signal(Enrollment.stop, StopRequest(reason="opted_out"))
        assert (await handle.result()).outcome == "opted_out"
        assert enrollments.closed == ["opted_out"]
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1]


async def test_a_stop_while_held_sends_nothing(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries(held())
    async with enrolled(skipping, deliveries) as handle:
        await skipping.sleep(timedelta(hours=1))
        await handle.signal(Enrollment.stop, StopRequest(reason="cancelled"))
        assert (await handle.result()).outcome == "cancelled"
        assert deliveries.out == []


async def test_an_unknown_message_1_waits_for_its_settlement(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries(ended(ReceiptOutcome.UNKNOWN), sent)
    async with enrolled(skipping, deliveries) as handle:
        await skipping.sleep(timedelta(hours=2))
        await handle.signal(Enrollment.release)
        await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        assert (await handle.result()).outcome == "answered"


async def test_an_unknown_message_1_that_nobody_settles_ends_as_unknown(skipping: WorkflowEnvironment) -> None:
    deliveries, enrollments = RememberedDeliveries(ended(ReceiptOutcome.UNKNOWN)), RememberedEnrollments()
    async with enrolled(skipping, deliveries, enrollments) as handle:
        assert (await handle.result()).outcome == "unknown"
        assert enrollments.closed == ["unknown"]


async def test_an_unknown_message_1_that_was_replied_to_waits_beyond_the_window(
    skipping: WorkflowEnvironment,
) -> None:
    deliveries, enrollments = RememberedDeliveries(ended(ReceiptOutcome.UNKNOWN), sent), RememberedEnrollments()
    async with enrolled(skipping, deliveries, enrollments) as handle:
        await skipping.sleep(timedelta(hours=2))
        await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        await skipping.sleep(timedelta(days=9))
        await handle.signal(Enrollment.release)
        assert (await handle.result()).outcome == "answered"
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_2]
        assert enrollments.closed == []


async def test_an_unknown_message_1_whose_reply_is_only_on_record_waits_too(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries(ended(ReceiptOutcome.UNKNOWN), sent)
    enrollments = RememberedEnrollments(recorded_reply=uuid4())
    async with enrolled(skipping, deliveries, enrollments) as handle:
        await skipping.sleep(timedelta(days=9))
        assert len(deliveries.asked) == 1
        await handle.signal(Enrollment.release)
        assert (await handle.result()).outcome == "answered"
        assert deliveries.asked[-1].interaction_id == enrollments.recorded_reply


async def test_an_unknown_message_2_waits_for_its_settlement_beyond_the_window(skipping: WorkflowEnvironment) -> None:
    deliveries = RememberedDeliveries(sent, ended(ReceiptOutcome.UNKNOWN), sent)
    async with enrolled(skipping, deliveries) as handle:
        await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
        await skipping.sleep(timedelta(days=9))
        await handle.signal(Enrollment.release)
        assert (await handle.result()).outcome == "answered"
        assert deliveries.kinds() == [DeliveryKind.MESSAGE_1, DeliveryKind.MESSAGE_2, DeliveryKind.MESSAGE_2]
