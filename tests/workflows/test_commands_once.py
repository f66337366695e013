"""A command to a campaign that is repeated under its id has no second effect, also when the campaign is over."""

from uuid import UUID, uuid4

import pytest

from domain.campaigns import Command
from domain.pacing import Pacing
from tests.replay.record import ordinary_server
from tests.replay.world import World
from workflows.handles import CampaignRefused, Workflows


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
