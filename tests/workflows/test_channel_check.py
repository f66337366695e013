"""The question whether an account can send, from whoever asks it to the answer, and where nobody answers."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain import ids
from tests.workflows.doubles import RememberedChannels
from workflows import handles
from workflows.channel_check import ChannelCheck
from workflows.handles import EngineUnavailable, Workflows
from workflows.ports import Finding


@pytest.fixture(autouse=True)
def _own_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of other tests may wait on the real one, in this very process."""
    monkeypatch.setattr(ids, "TASK_QUEUE", f"asked-{uuid4().hex}")


async def test_the_finding_comes_back_and_only_what_is_sealed_was_handed_over(temporal: WorkflowEnvironment) -> None:
    channels, tenant = RememberedChannels(Finding.NO_DEVICE), uuid4()
    worker = Worker(temporal.client, task_queue=ids.TASK_QUEUE, workflows=[ChannelCheck], activities=[channels.check])
    async with worker:
        found = await Workflows(temporal.client).check_channel(tenant, "wassenger", b"sealed")
    assert found.finding == Finding.NO_DEVICE
    [asked] = channels.asked
    assert (asked.tenant_id, asked.platform, asked.credentials) == (tenant, "wassenger", "sealed")


async def test_without_a_worker_the_question_ends_by_itself(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "CHECKED_WITHIN", timedelta(seconds=1))
    with pytest.raises(EngineUnavailable, match="no worker took the question in time"):
        await Workflows(temporal.client).check_channel(uuid4(), "wassenger", b"sealed")
