"""What the chart of a campaign is drawn from: one row for each state that its workflow writes."""

from db import running
from db.engine import Database
from domain.statuses import CampaignStatus
from tests.ledger_world import World

READ = """
    SELECT status, delay_seconds, error_rate FROM campaign_samples WHERE campaign_id = :campaign_id ORDER BY at
"""


async def written(world: World, state: running.State) -> None:
    """The state, written in a transaction of its own."""
    async with world.database.tenant(world.tenant_id) as session:
        await running.write_state(session, world.tenant_id, world.campaign_id, state)


async def test_each_state_leaves_the_delay_in_force_and_the_error_rate(database: Database) -> None:
    world = await World.make(database)
    await written(world, running.State(CampaignStatus.RUNNING, delay_seconds=1.0))
    await written(world, running.State(CampaignStatus.RUNNING, delay_seconds=1.5, error_rate=0.125))
    await written(world, running.State(CampaignStatus.PAUSED, reason="Paused by an operator."))
    rows = await world.run(READ, campaign_id=world.campaign_id)
    assert [tuple(row) for row in rows] == [("running", 1.0, None), ("running", 1.5, 0.125), ("paused", 1.5, None)]


async def test_what_comes_too_late_for_a_cancelled_campaign_leaves_nothing(database: Database) -> None:
    world = await World.make(database)
    await written(world, running.State(CampaignStatus.CANCELLED))
    await written(world, running.State(CampaignStatus.RUNNING, delay_seconds=9.0))
    rows = await world.run(READ, campaign_id=world.campaign_id)
    assert [row.status for row in rows] == ["cancelled"]
