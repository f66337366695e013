"""What is left of a start that was not written down makes way for the next; a run that is still ending does not."""

from uuid import uuid4

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from domain.campaigns import CampaignRef
from domain.ids import campaign_workflow_id
from workflows.handles import CampaignRefused, Workflows


async def test_only_a_start_from_a_draft_takes_the_place_of_what_runs(temporal: WorkflowEnvironment) -> None:
    workflows = Workflows(temporal.client)
    campaign = CampaignRef(tenant_id=uuid4(), campaign_id=uuid4())
    handle = temporal.client.get_workflow_handle(campaign_workflow_id(campaign.campaign_id))
    await workflows.start_campaign(campaign, uuid4(), "Autumn")
    ghost = await handle.describe()

    await workflows.start_campaign(campaign, uuid4(), "Autumn")

    started = await handle.describe()
    assert (started.run_id != ghost.run_id, started.status) == (True, WorkflowExecutionStatus.RUNNING)

    with pytest.raises(CampaignRefused, match="just ending"):
        await workflows.start_campaign(campaign.model_copy(update={"reopen": True}), uuid4(), "Autumn")
    assert (await handle.describe()).run_id == started.run_id
    await handle.terminate()
