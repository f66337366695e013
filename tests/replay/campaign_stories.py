"""Every path of a campaign."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateStage

from domain.campaigns import PROBE_FAILED, PROBE_PASSED, PROBE_WANTED, ChangePacing
from domain.pacing import Pacing
from domain.statuses import CampaignStatus
from tests.replay.world import QUICK, Handle, World, seen, until_it_saw, until_it_waits
from tests.waiting import until
from workflows.campaign import Campaign

SLOW = Pacing(delay_seconds=1, batch_size=10)


async def campaign_completed(world: World) -> Handle:
    return await world.start_campaign()


async def campaign_with_a_sample_too_small(world: World) -> Handle:
    world.campaigns.waiting = 3
    return await world.start_campaign()


async def campaign_with_batch_pauses(world: World) -> Handle:
    world.campaigns.pacing = QUICK.model_copy(update={"batch_pause_seconds": 2.2})
    return await world.start_campaign()


async def campaign_paused_between_batches(world: World) -> Handle:
    world.campaigns.pacing = QUICK.model_copy(update={"batch_pause_seconds": 60})
    handle = await world.start_campaign()
    await until_it_waits(handle)
    await handle.execute_update(Campaign.pause)
    await handle.execute_update(Campaign.cancel)
    return handle


async def campaign_whose_send_window_opens_in_a_moment(world: World) -> Handle:
    world.campaigns.opens_at = datetime.now(UTC) + timedelta(seconds=4)
    return await world.start_campaign()


async def campaign_probed_when_its_send_window_opens(world: World) -> Handle:
    world.holds.held_now = 0
    campaigns = world.campaigns
    campaigns.errored, campaigns.probe = 5, PROBE_PASSED
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    campaigns.errored = 0
    campaigns.opens_at = datetime.now(UTC) + timedelta(seconds=4)
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_scheduled(world: World) -> Handle:
    world.campaigns.start_at = datetime.now(UTC) + timedelta(seconds=4)
    return await world.start_campaign()


async def campaign_whose_start_has_passed(world: World) -> Handle:
    world.campaigns.start_at = datetime.now(UTC) - timedelta(hours=1)
    return await world.start_campaign()


async def campaign_cancelled_while_scheduled(world: World) -> Handle:
    world.campaigns.start_at = datetime.now(UTC) + timedelta(hours=1)
    handle = await world.start_campaign()
    await until_it_waits(handle)
    await handle.execute_update(Campaign.cancel)
    return handle


async def campaign_paused_and_resumed(world: World) -> Handle:
    world.campaigns.pacing = Pacing(delay_seconds=0.3, batch_size=10)
    handle = await world.start_campaign()
    await handle.execute_update(Campaign.pause)
    await handle.execute_update(Campaign.change_pacing, ChangePacing(pacing=QUICK))
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_tripped_and_probed_twice(world: World) -> Handle:
    campaigns = world.campaigns
    campaigns.errored, campaigns.probe = 5, PROBE_FAILED
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    await handle.execute_update(Campaign.resume)
    await campaigns.until_marked(CampaignStatus.PAUSED, 2)
    campaigns.errored, campaigns.probe = 0, PROBE_PASSED
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_probed_by_a_new_message(world: World) -> Handle:
    world.holds.held_now = 0
    campaigns = world.campaigns
    campaigns.errored, campaigns.probe = 5, PROBE_PASSED
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    campaigns.errored = 0
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_with_nothing_left_to_probe(world: World) -> Handle:
    world.holds.held_now = 0
    campaigns = world.campaigns
    campaigns.waiting, campaigns.errored = 10, 5
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    campaigns.errored = 0
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_whose_probe_is_tried_again(world: World) -> Handle:
    campaigns = world.campaigns
    campaigns.errored, campaigns.probe = 5, PROBE_WANTED
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    campaigns.errored = 0
    await handle.execute_update(Campaign.resume)

    async def released_once() -> bool:
        return len(world.holds.asked) == 1

    await until(released_once, "a probe is released")
    await until_it_waits(handle)
    campaigns.probe = PROBE_PASSED
    return handle


async def campaign_cancelled(world: World) -> Handle:
    world.campaigns.pacing = SLOW
    handle = await world.start_campaign()
    await handle.execute_update(Campaign.cancel)
    return handle


async def campaign_cancelled_while_stock_is_taken(world: World) -> Handle:
    world.campaigns.may_count.clear()
    handle = await world.start_campaign()
    await world.campaigns.counting.wait()
    await handle.execute_update(Campaign.cancel)
    return handle


async def campaign_paused_while_stock_is_taken(world: World) -> Handle:
    world.campaigns.may_count.clear()
    handle = await world.start_campaign()
    await world.campaigns.counting.wait()
    await handle.execute_update(Campaign.pause)
    world.campaigns.may_count.set()
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_waiting_for_the_last_windows(world: World) -> Handle:
    world.campaigns.looks_while_open = 2
    return await world.start_campaign()


async def campaign_paused_while_the_last_windows_run(world: World) -> Handle:
    world.campaigns.looks_while_open = 1
    handle = await world.start_campaign()
    await until_it_waits(handle)
    await handle.execute_update(Campaign.pause)
    await handle.execute_update(Campaign.resume)
    return handle


async def campaign_retried_while_running(world: World) -> Handle:
    world.campaigns.failed = 4
    handle = await world.start_campaign()
    await handle.execute_update(Campaign.retry_failed)
    return handle


async def campaign_retried_while_the_last_windows_run(world: World) -> Handle:
    world.campaigns.looks_while_open, world.campaigns.failed = 1, 4
    handle = await world.start_campaign()
    await until_it_waits(handle)
    await handle.execute_update(Campaign.retry_failed)
    return handle


async def campaign_retried_while_the_last_batch_is_launched(world: World) -> Handle:
    campaigns = world.campaigns
    campaigns.waiting, campaigns.failed = 10, 4
    campaigns.launching = asyncio.Event()
    handle = await world.start_campaign()

    async def under_way() -> bool:
        return len(campaigns.launches) == 1

    await until(under_way, "the last batch is being launched")
    await handle.execute_update(Campaign.retry_failed)
    campaigns.launching.set()
    return handle


async def campaign_whose_start_was_not_written_down(world: World) -> Handle:
    world.campaigns.written = False
    return await world.start_campaign()


async def campaign_reopened(world: World) -> Handle:
    world.campaigns.waiting, world.campaigns.failed = 0, 4
    return await world.start_campaign(reopen=True)


async def campaign_reopened_with_nothing_to_retry(world: World) -> Handle:
    world.campaigns.waiting = 0
    return await world.start_campaign(reopen=True)


async def campaign_that_refuses_a_command_once_it_knows_its_plan(world: World) -> Handle:
    world.campaigns.may_plan.clear()
    handle = await world.start_campaign()
    early = await handle.start_update(Campaign.resume, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    world.campaigns.may_plan.set()
    with pytest.raises(WorkflowUpdateFailedError):
        await early.result()
    return handle


async def campaign_cancelled_while_a_batch_is_judged(world: World) -> Handle:
    handle = await _counting_for_the_first_time(world)
    await _cancel_just_as_the_stock_comes(world, handle)
    return handle


async def campaign_cancelled_while_its_probe_is_judged(world: World) -> Handle:
    handle = await _probing(world)
    await _cancel_just_as_the_stock_comes(world, handle)
    return handle


async def campaign_cancelled_while_its_probe_is_out(world: World) -> Handle:
    handle = await _probing(world)
    await handle.execute_update(Campaign.cancel)
    return handle


async def campaign_retried_while_the_last_stock_is_taken(world: World) -> Handle:
    campaigns = world.campaigns
    campaigns.looks_while_open, campaigns.failed = 1, 4
    handle = await world.start_campaign()
    await until_it_waits(handle)
    await _stall(world)
    await handle.execute_update(Campaign.retry_failed)
    campaigns.may_count.set()
    return handle


async def campaign_that_trips_at_its_end(world: World) -> Handle:
    world.holds.held_now = 0
    world.campaigns.late_errors = 10
    handle = await world.start_campaign()
    await world.campaigns.until_marked(CampaignStatus.PAUSED, 1)
    await handle.execute_update(Campaign.resume)
    return handle


async def _counting_for_the_first_time(world: World) -> WorkflowHandle[Campaign, Any]:
    world.campaigns.may_count.clear()
    handle = await world.start_campaign()
    await world.campaigns.counting.wait()
    return handle


async def _probing(world: World) -> WorkflowHandle[Campaign, Any]:
    campaigns = world.campaigns
    campaigns.errored, campaigns.probe = 5, PROBE_PASSED
    handle = await world.start_campaign()
    await campaigns.until_marked(CampaignStatus.PAUSED, 1)
    campaigns.may_count.clear()
    campaigns.counting.clear()
    await handle.execute_update(Campaign.resume)
    await campaigns.counting.wait()
    return handle


async def _stall(world: World) -> None:
    world.campaigns.may_count.clear()
    world.campaigns.counting.clear()
    await world.campaigns.counting.wait()


async def _cancel_just_as_the_stock_comes(world: World, handle: WorkflowHandle[Campaign, Any]) -> None:
    campaigns = world.campaigns
    campaigns.may_mark.clear()
    campaigns.marking.clear()
    cancelling = asyncio.create_task(handle.execute_update(Campaign.cancel))
    await campaigns.marking.wait()
    taken = await seen(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    campaigns.may_count.set()
    await until_it_saw(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, taken + 1)
    campaigns.may_mark.set()
    await cancelling


async def campaign_handing_over_to_its_next_run(world: World) -> Handle:
    started = await world.start_campaign()
    await started.result()
    return world.client.get_workflow_handle(started.id, run_id=started.first_execution_run_id)


async def campaign_in_its_next_run(world: World) -> Handle:
    started = await world.start_campaign()
    await started.result()
    return world.client.get_workflow_handle(started.id)


CAMPAIGN_STORIES = [
    campaign_cancelled,
    campaign_cancelled_while_a_batch_is_judged,
    campaign_cancelled_while_its_probe_is_judged,
    campaign_cancelled_while_its_probe_is_out,
    campaign_cancelled_while_scheduled,
    campaign_cancelled_while_stock_is_taken,
    campaign_completed,
    campaign_paused_and_resumed,
    campaign_paused_between_batches,
    campaign_paused_while_stock_is_taken,
    campaign_paused_while_the_last_windows_run,
    campaign_probed_by_a_new_message,
    campaign_probed_when_its_send_window_opens,
    campaign_reopened,
    campaign_reopened_with_nothing_to_retry,
    campaign_retried_while_running,
    campaign_retried_while_the_last_batch_is_launched,
    campaign_retried_while_the_last_stock_is_taken,
    campaign_retried_while_the_last_windows_run,
    campaign_scheduled,
    campaign_that_refuses_a_command_once_it_knows_its_plan,
    campaign_that_trips_at_its_end,
    campaign_tripped_and_probed_twice,
    campaign_waiting_for_the_last_windows,
    campaign_whose_probe_is_tried_again,
    campaign_whose_send_window_opens_in_a_moment,
    campaign_whose_start_has_passed,
    campaign_whose_start_was_not_written_down,
    campaign_with_a_sample_too_small,
    campaign_with_batch_pauses,
    campaign_with_nothing_left_to_probe,
]

LONG_CAMPAIGN_STORIES = [campaign_handing_over_to_its_next_run, campaign_in_its_next_run]
"""Told where a new run is suggested after a few events, not after thousands."""

STEADY_CAMPAIGN_STORIES = [
    campaign_cancelled_while_a_batch_is_judged,
    campaign_cancelled_while_scheduled,
    campaign_cancelled_while_stock_is_taken,
    campaign_completed,
    campaign_paused_between_batches,
    campaign_reopened,
    campaign_reopened_with_nothing_to_retry,
    campaign_whose_start_has_passed,
    campaign_whose_start_was_not_written_down,
    campaign_with_a_sample_too_small,
]
"""The same in every telling: no step of theirs depends on which of two things comes first."""
