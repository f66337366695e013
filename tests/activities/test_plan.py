"""A campaign's workflow reads its plan as its starter leaves it: written down, or not."""

import asyncio
from unittest.mock import Mock

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.campaigns import CampaignRecords
from db.campaigns import leave_draft
from db.engine import Database
from domain.campaigns import CampaignRef
from tests.ledger_world import World, until

_WAITS = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> :mine AND :mine = ANY(pg_blocking_pids(pid))")


@pytest.mark.parametrize(("is_written", "status"), [(True, "running"), (False, "draft")])
async def test_the_plan_is_read_once_the_start_is_decided(database: Database, is_written: bool, status: str) -> None:
    world = await World.make(database)
    await world.run("UPDATE campaigns SET status = 'draft' WHERE id = :campaign")
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    records = CampaignRecords(database, Mock(spec=Client))

    async with database.tenant(world.tenant_id) as session:
        mine = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        assert await leave_draft(session, world.campaign_id) == "running"
        reading = asyncio.create_task(ActivityEnvironment().run(records.plan, campaign))

        async def waits() -> bool:
            return int((await session.execute(_WAITS, {"mine": mine})).scalar_one()) > 0

        await until(waits)
        if not is_written:
            await session.rollback()

    assert (await reading).status == status
