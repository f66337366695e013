"""A campaign that is too long for one history goes on in the next run, with all that it knew."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from cli.stack.temporal import temporal_program
from domain.campaigns import PROBE_PASSED, PROBE_WANTED, CampaignInput, CampaignRef
from domain.ids import TASK_QUEUE, campaign_workflow_id
from domain.pacing import Pacing
from domain.statuses import CampaignStatus
from tests.waiting import until
from tests.workflows.doubles import RememberedCampaigns, RememberedHolds
from workflows.campaign import Campaign

SETTINGS = ("limit.historyCount.suggestContinueAsNew=25", 'history.timerProcessorMaxTimeShift="50ms"')
"""A new run is suggested after so many events, not four thousand; timers are punctual."""


@pytest_asyncio.fixture(scope="module")
async def impatient() -> AsyncIterator[Client]:
    """A server that suggests a new run very soon."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_log_level="error",
        dev_server_extra_args=[word for setting in SETTINGS for word in ("--dynamic-config-value", setting)],
        data_converter=pydantic_data_converter,
    )
    async with environment:
        yield environment.client


def working(client: Client, records: RememberedCampaigns, holds: RememberedHolds) -> Worker:
    """A worker for a campaign on doubles."""
    activities: list[Any] = [records.plan, records.launch, records.take_stock, records.mark, holds.release]
    return Worker(client, task_queue=TASK_QUEUE, workflows=[Campaign], activities=activities)


async def begin(client: Client) -> WorkflowHandle[Campaign, CampaignStatus]:
    """Starts a campaign."""
    campaign = CampaignRef(tenant_id=uuid4(), campaign_id=uuid4())
    return await client.start_workflow(
        Campaign.run,
        CampaignInput(campaign=campaign),
        id=campaign_workflow_id(campaign.campaign_id),
        task_queue=TASK_QUEUE,
        execution_timeout=timedelta(minutes=1),
    )


async def runs_of(client: Client, handle: WorkflowHandle[Campaign, CampaignStatus]) -> int:
    """How many runs the campaign took, by following them from the first."""
    run_id, runs = handle.first_execution_run_id, 0
    while run_id:
        runs += 1
        history = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return runs


async def test_every_contact_is_launched_once_over_many_runs(impatient: Client) -> None:
    records = RememberedCampaigns(30, Pacing(delay_seconds=0.01, batch_size=5))
    async with working(impatient, records, RememberedHolds()):
        handle = await begin(impatient)

        assert await handle.result() == "completed"

    assert [launch.size for launch in records.launches] == [5] * 6
    starts = [launch.first_at for launch in records.launches]
    assert starts == sorted(starts)
    assert await runs_of(impatient, handle) > 1


async def test_a_trip_is_remembered_by_the_next_run_so_that_a_probe_goes_first(impatient: Client) -> None:
    records = RememberedCampaigns(200, Pacing(delay_seconds=0.01, batch_size=10))
    async with working(impatient, records, RememberedHolds()):
        handle = await begin(impatient)
        await records.until_marked(CampaignStatus.RUNNING, 2)
        records.errored, records.probe = 5, PROBE_PASSED
        await records.until_marked(CampaignStatus.PAUSED, 1)
        launched = len(records.launches)

        async def goes_on_in_a_new_run() -> bool:
            return await runs_of(impatient, handle) > 1

        await until(goes_on_in_a_new_run, "the paused campaign is in a later run")
        await handle.execute_update(Campaign.resume)

        assert records.marks[-1].probe == PROBE_WANTED

        async def launches() -> bool:
            return len(records.launches) > launched

        await until(launches, "the probe is launched")
        await handle.terminate()
    assert records.launches[launched].size == 1
