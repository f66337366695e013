"""Every path of one contact's campaign."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.api.enums.v1 import EventType

from domain.deliveries import ReceiptOutcome
from domain.signals import ReplyReceived, StopRequest
from tests.replay.world import Handle, World, until_it_saw, until_it_waits
from tests.workflows.doubles import ended, held, sent
from workflows.enrollment import Enrollment

SHORT_WINDOW_SECONDS = 4.0
"""It must not be over before a busy worker has looked at it: then nothing would be waited for."""
PAUSED = "The campaign is paused."


async def enrollment_reply(world: World) -> Handle:
    return await world.enroll(replied=True)


async def enrollment_reply_while_it_waits(world: World) -> Handle:
    handle = await world.enroll()
    await until_it_waits(handle)
    await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
    return handle


async def enrollment_no_reply(world: World) -> Handle:
    world.deliveries.answers = [lambda request: sent(request).model_copy(update={"reply_deadline": None})]
    return await world.enroll(SHORT_WINDOW_SECONDS)


async def enrollment_reply_found_at_the_end(world: World) -> Handle:
    world.enrollments.recorded_reply = uuid4()
    return await enrollment_no_reply(world)


async def enrollment_stopped_before_the_start(world: World) -> Handle:
    handle = await world.enroll(start_delay=timedelta(seconds=2))
    await handle.signal(Enrollment.stop, StopRequest(reason="cancelled"))
    return handle


async def enrollment_held_and_released(world: World) -> Handle:
    world.deliveries.answers = [held(reason=PAUSED), sent]
    handle = await world.enroll()
    await world.deliveries.until_asked(1)
    await handle.signal(Enrollment.reply_received)
    await handle.signal(Enrollment.release)
    return handle


async def enrollment_held_for_a_time(world: World) -> Handle:
    world.deliveries.answers = [
        lambda _: held(until=datetime.now(UTC) + timedelta(seconds=4), reason="The send window is closed."),
        ended(ReceiptOutcome.FAILED, "The number has no account."),
    ]
    return await world.enroll()


async def enrollment_stopped_while_held(world: World) -> Handle:
    world.deliveries.answers = [held(reason=PAUSED)]
    handle = await world.enroll()
    await world.deliveries.until_asked(1)
    await handle.signal(Enrollment.stop, StopRequest(reason="cancelled"))
    return handle


async def enrollment_failed(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.FAILED, "The number has no account.")]
    return await world.enroll()


async def enrollment_refused(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.REFUSED, "The person opted out.")]
    return await world.enroll()


async def enrollment_unknown(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost.")]
    return await world.enroll(SHORT_WINDOW_SECONDS)


async def enrollment_unknown_settled(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost."), sent]
    handle = await world.enroll()
    await until_it_waits(handle)
    await handle.signal(Enrollment.reply_received, ReplyReceived(interaction_id=uuid4()))
    await handle.signal(Enrollment.release)
    return handle


async def enrollment_unknown_settled_as_failed(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost.")]
    handle = await world.enroll()
    await until_it_waits(handle)
    await handle.signal(Enrollment.stop, StopRequest(reason="failed"))
    return handle


async def enrollment_unknown_and_replied(world: World) -> Handle:
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost."), sent]
    handle = await world.enroll(SHORT_WINDOW_SECONDS, replied=True)
    await until_it_saw(handle, EventType.EVENT_TYPE_TIMER_FIRED, 1)
    await handle.signal(Enrollment.release)
    return handle


async def enrollment_unknown_with_a_reply_found_at_the_end(world: World) -> Handle:
    world.enrollments.recorded_reply = uuid4()
    world.deliveries.answers = [ended(ReceiptOutcome.UNKNOWN, "The answer was lost."), sent]
    handle = await world.enroll(SHORT_WINDOW_SECONDS)
    await until_it_saw(handle, EventType.EVENT_TYPE_MARKER_RECORDED, 1)
    await handle.signal(Enrollment.release)
    return handle


async def enrollment_opted_out_while_it_waits(world: World) -> Handle:
    handle = await world.enroll()
    await until_it_waits(handle)
    await handle.signal(Enrollment.stop, StopRequest(reason="opted_out"))
    return handle


async def enrollment_message_2_held_and_released(world: World) -> Handle:
    world.deliveries.answers = [sent, held(reason=PAUSED), sent]
    handle = await world.enroll(replied=True)
    await world.deliveries.until_asked(2)
    await handle.signal(Enrollment.release)
    return handle


async def enrollment_message_2_stopped_while_held(world: World) -> Handle:
    world.deliveries.answers = [sent, held(reason=PAUSED)]
    handle = await world.enroll(replied=True)
    await world.deliveries.until_asked(2)
    await handle.signal(Enrollment.stop)
    return handle


async def enrollment_message_2_failed(world: World) -> Handle:
    world.deliveries.answers = [sent, ended(ReceiptOutcome.FAILED, "The number has no account.")]
    return await enrollment_reply(world)


async def enrollment_message_2_refused(world: World) -> Handle:
    world.deliveries.answers = [sent, ended(ReceiptOutcome.REFUSED, "The person opted out.")]
    return await enrollment_reply(world)


async def enrollment_message_2_unknown_settled(world: World) -> Handle:
    world.deliveries.answers = [sent, ended(ReceiptOutcome.UNKNOWN, "The answer was lost."), sent]
    handle = await world.enroll(SHORT_WINDOW_SECONDS, replied=True)
    await world.deliveries.until_asked(2)
    await handle.signal(Enrollment.release)
    return handle


ENROLLMENT_STORIES = [
    enrollment_failed,
    enrollment_held_and_released,
    enrollment_held_for_a_time,
    enrollment_message_2_failed,
    enrollment_message_2_held_and_released,
    enrollment_message_2_refused,
    enrollment_message_2_stopped_while_held,
    enrollment_message_2_unknown_settled,
    enrollment_no_reply,
    enrollment_opted_out_while_it_waits,
    enrollment_refused,
    enrollment_reply,
    enrollment_reply_found_at_the_end,
    enrollment_reply_while_it_waits,
    enrollment_stopped_before_the_start,
    enrollment_stopped_while_held,
    enrollment_unknown,
    enrollment_unknown_and_replied,
    enrollment_unknown_settled,
    enrollment_unknown_settled_as_failed,
    enrollment_unknown_with_a_reply_found_at_the_end,
]
