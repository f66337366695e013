"""A command to a campaign that is repeated under its id has no second effect, also when the campaign is over."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.campaigns import Command
from domain.pacing import Pacing
from tests.replay.record import ordinary_server
from tests.replay.world import World
from workflows import handles
from workflows.handles import CampaignRefused, EngineUnavailable, Workflows


async def test_a_repeated_command_gets_the_first_ones_result() -> None:
    async with ordinary_server() as environment:
        world = World(environment.client)
        world.campaigns.pacing = Pacing(delay_seconds=1, batch_size=10)
        workflows = Workflows(environment.client)
        async with world.working():
            handle = await world.start_campaign()
            campaign = UUID(handle.id.rpartition("/")[2])
            pause, cancel = uuid4(), uuid4()
            first = [await workflows.command(campaign, Command.PAUSE, pause)]
            marks = len(world.campaigns.marks)
            again = [await workflows.command(campaign, Command.PAUSE, pause)]
            assert len(world.campaigns.marks) == marks
            with pytest.raises(CampaignRefused):
                await workflows.command(campaign, Command.PAUSE, uuid4())
            first.append(await workflows.command(campaign, Command.CANCEL, cancel))
            await handle.result()
            again.append(await workflows.command(campaign, Command.CANCEL, cancel))
    assert again == first
    assert first[1].affected == 20


async def test_a_command_that_nobody_took_in_time_is_done_later_and_its_repeat_gets_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ordinary_server() as environment:
        world = World(environment.client)
        world.campaigns.pacing = Pacing(delay_seconds=1, batch_size=10)
        workflows = Workflows(environment.client)
        async with world.working():
            handle = await world.start_campaign()
            campaign = UUID(handle.id.rpartition("/")[2])
            await workflows.command(campaign, Command.PAUSE, uuid4())
        cancel = uuid4()
        with monkeypatch.context() as patch:
            patch.setattr(handles, "ANSWER_WITHIN", timedelta(seconds=1))
            with pytest.raises(EngineUnavailable):
                await workflows.command(campaign, Command.CANCEL, cancel)
        async with world.working():
            first = await workflows.command(campaign, Command.CANCEL, cancel)
            await handle.result()
            marks = len(world.campaigns.marks)
            again = await workflows.command(campaign, Command.CANCEL, cancel)
            with pytest.raises(CampaignRefused):
                await workflows.command(campaign, Command.RETRY_FAILED, uuid4())
    assert (first, first.affected) == (again, 20)
    assert len(world.campaigns.marks) == marks
