"""A campaign with the clock skipped: batches, pace, breaker and probe, commands."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.campaigns import PROBE_FAILED, PROBE_PASSED, PROBE_WANTED, CampaignInput, CampaignRef, ChangePacing
from domain.ids import TASK_QUEUE, campaign_workflow_id
from domain.pacing import Pacing
from domain.statuses import CampaignStatus
from tests.waiting import until
from tests.workflows.doubles import RememberedCampaigns, RememberedHolds
from workflows.campaign import Campaign

Handle = WorkflowHandle[Campaign, CampaignStatus]


@asynccontextmanager
async def campaigning(
    environment: WorkflowEnvironment,
    records: RememberedCampaigns,
    holds: RememberedHolds | None = None,
    *,
    reopen: bool = False,
) -> AsyncIterator[Handle]:
    """A campaign that runs; the worker keeps no cache, so that every step is replayed."""
    activities: list[Callable[..., Any]] = [
        records.plan,
        records.launch,
        records.take_stock,
        records.mark,
        records.requeue_failed,
        records.stop_open,
        (holds or RememberedHolds()).release,
    ]
    async with Worker(
        environment.client,
        task_queue=TASK_QUEUE,
        workflows=[Campaign],
        activities=activities,
        max_cached_workflows=0,
    ):
        campaign = CampaignRef(tenant_id=uuid4(), campaign_id=uuid4(), reopen=reopen)
        yield await environment.client.start_workflow(
            Campaign.run,
            CampaignInput(campaign=campaign),
            id=campaign_workflow_id(campaign.campaign_id),
            task_queue=TASK_QUEUE,
            execution_timeout=timedelta(days=60),
        )


async def test_batches_follow_each_other_at_the_delay(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(25, Pacing(delay_seconds=2, batch_size=10))
    async with campaigning(skipping, records) as handle:
        assert await handle.result() == "completed"
        assert [launch.size for launch in records.launches] == [10, 10, 10]
        starts = [launch.first_at for launch in records.launches]
        gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(starts)]
        assert all(gap == pytest.approx(20, abs=1) for gap in gaps), gaps


async def test_a_pause_between_batches_is_kept(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(30, Pacing(delay_seconds=1, batch_size=10, batch_pause_seconds=300))
    async with campaigning(skipping, records) as handle:
        assert await handle.result() == "completed"
        starts = [launch.first_at for launch in records.launches]
        assert (starts[1] - starts[0]).total_seconds() == pytest.approx(310, abs=2)
        assert (starts[2] - starts[1]).total_seconds() == pytest.approx(310, abs=2)


async def test_it_pauses_after_the_first_batch_that_shows_too_many_errors(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(100, Pacing(delay_seconds=1, batch_size=20), errored=6)
    async with campaigning(skipping, records) as handle:
        await skipping.sleep(timedelta(minutes=10))
        assert len(records.launches) == 1
        status, reason = records.statuses()[-1]
        assert status == "paused"
        assert reason is not None
        assert "30 %" in reason
        await handle.terminate()


async def test_a_few_errors_make_it_slower_and_recovery_makes_it_faster(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(200, Pacing(delay_seconds=1, batch_size=20), errored=2)
    async with campaigning(skipping, records) as handle:
        await skipping.sleep(timedelta(seconds=25))
        assert records.launches[1].delay_seconds == pytest.approx(1.5)
        records.errored = 0
        assert await handle.result() == "completed"
        assert records.launches[-1].delay_seconds == pytest.approx(1.0)


async def test_resume_after_a_trip_sends_one_probe_first_and_goes_on_when_it_passes(
    skipping: WorkflowEnvironment,
) -> None:
    records = RememberedCampaigns(60, Pacing(delay_seconds=1, batch_size=20), errored=10)
    holds = RememberedHolds(held_now=0)
    async with campaigning(skipping, records, holds) as handle:
        await skipping.sleep(timedelta(minutes=5))
        assert records.statuses()[-1][0] == "paused"
        records.errored, records.probe = 0, PROBE_PASSED
        await handle.execute_update(Campaign.resume)
        assert records.marks[-1].probe == PROBE_WANTED
        assert await handle.result() == "completed"
        assert [launch.size for launch in records.launches][:2] == [20, 1]


async def test_a_probe_that_fails_pauses_it_again(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(60, Pacing(delay_seconds=1, batch_size=20), errored=10)
    async with campaigning(skipping, records) as handle:
        await skipping.sleep(timedelta(minutes=5))
        records.probe = PROBE_FAILED
        await handle.execute_update(Campaign.resume)
        await skipping.sleep(timedelta(minutes=5))
        assert [launch.size for launch in records.launches] == [20, 1]
        assert records.statuses()[-1][0] == "paused"
        await handle.terminate()


async def test_resume_after_an_operators_pause_releases_what_was_held(skipping: WorkflowEnvironment) -> None:
    records, holds = RememberedCampaigns(40, Pacing(delay_seconds=1, batch_size=10)), RememberedHolds(held_now=3)
    async with campaigning(skipping, records, holds) as handle:
        await skipping.sleep(timedelta(seconds=5))
        assert (await handle.execute_update(Campaign.pause)).status == "paused"
        await skipping.sleep(timedelta(hours=3))
        launched = len(records.launches)
        assert launched <= 2
        await handle.execute_update(Campaign.resume)
        assert await handle.result() == "completed"
        assert [request.limit for request in holds.asked] == [None]
        assert len(records.launches) > launched


async def test_commands_that_the_state_forbids_are_refused_in_words(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(1000, Pacing(delay_seconds=1, batch_size=10))
    async with campaigning(skipping, records) as handle:
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(Campaign.resume)
        assert isinstance(refused.value.cause, ApplicationError)
        assert "running" in refused.value.cause.message
        await handle.execute_update(Campaign.pause)
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(Campaign.pause)
        await handle.terminate()


async def test_cancel_says_how_many_it_stopped_and_tells_those_that_run(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(1000, Pacing(delay_seconds=1, batch_size=10))
    async with campaigning(skipping, records) as handle:
        await skipping.sleep(timedelta(seconds=5))
        result = await handle.execute_update(Campaign.cancel)
        assert result.status == "cancelled"
        assert result.affected == records.waiting
        assert await handle.result() == "cancelled"
        assert records.stopped == 1


async def test_a_change_of_delay_takes_effect_with_the_next_batch(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(30, Pacing(delay_seconds=60, batch_size=10))
    async with campaigning(skipping, records) as handle:
        await skipping.sleep(timedelta(seconds=30))
        change = ChangePacing(pacing=Pacing(delay_seconds=5, batch_size=10))
        await handle.execute_update(Campaign.change_pacing, change)
        assert await handle.result() == "completed"
        assert [launch.delay_seconds for launch in records.launches] == [60, 5, 5]


async def test_a_completed_campaign_reopens_for_its_failed_contacts(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(0, Pacing(delay_seconds=1, batch_size=10))
    records.failed = 7
    async with campaigning(skipping, records, reopen=True) as handle:
        assert await handle.result() == "completed"
        assert records.waiting == 0
        assert len(records.launches) == 1


async def test_contacts_that_are_put_back_in_line_during_the_last_launch_are_launched(
    skipping: WorkflowEnvironment,
) -> None:
    records = RememberedCampaigns(5, Pacing(delay_seconds=1, batch_size=10))
    records.launching = asyncio.Event()
    async with campaigning(skipping, records) as handle:

        async def under_way() -> bool:
            return len(records.launches) == 1

        await until(under_way, "the last launch has begun")
        records.failed = 2
        assert (await handle.execute_update(Campaign.retry_failed)).affected == 2
        records.launching.set()
        assert await handle.result() == "completed"
    assert len(records.launches) == 2
    assert records.waiting == 0


async def test_contacts_that_are_put_back_in_line_while_it_is_being_completed_are_launched(
    skipping: WorkflowEnvironment,
) -> None:
    records = RememberedCampaigns(5, Pacing(delay_seconds=1, batch_size=10))
    records.completes_after = 5
    async with campaigning(skipping, records) as handle:

        async def completing() -> bool:
            return records.completes_after < 5

        await until(completing, "it is being completed")
        records.failed = 2
        assert (await handle.execute_update(Campaign.retry_failed)).affected == 2
        assert await handle.result() == "completed"
    assert len(records.launches) == 2
    assert [status for status, _ in records.statuses()].count("completed") == 2


async def test_a_campaign_whose_start_was_not_written_down_sends_nothing(skipping: WorkflowEnvironment) -> None:
    records = RememberedCampaigns(5, Pacing(delay_seconds=1, batch_size=10))
    records.written = False
    async with campaigning(skipping, records) as handle:
        assert await handle.result() == "draft"
    assert (records.launches, records.marks) == ([], [])


async def test_a_scheduled_campaign_waits_for_its_start(skipping: WorkflowEnvironment) -> None:
    start_at = datetime.now(UTC) + timedelta(days=2)
    records = RememberedCampaigns(5, Pacing(delay_seconds=1, batch_size=10), start_at=start_at)
    async with campaigning(skipping, records) as handle:
        assert await handle.result() == "completed"
        assert records.launches[0].first_at >= start_at
