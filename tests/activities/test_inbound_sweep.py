"""The sweep of inbound events: what keeps an event from being processed, and what is only the database's trouble."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities import inbound
from activities.inbound import InboundEvents
from db.engine import Database
from db.tables import InboundEvent
from domain.signals import Signal
from tests.ledger_world import World
from workflows.ports import SweepRequest


@pytest.mark.parametrize(
    ("trouble", "is_the_events"), [(asyncpg.DeadlockDetectedError, False), (asyncpg.DataError, True)]
)
async def test_an_event_is_not_blamed_for_a_deadlock_which_would_let_its_window_end_without_its_reply(
    database: Database, monkeypatch: pytest.MonkeyPatch, trouble: type[asyncpg.PostgresError], is_the_events: bool
) -> None:
    world = await World.make(database)
    received_at = datetime.now(UTC) - timedelta(minutes=1)
    await world.keep(
        InboundEvent(
            tenant_id=world.tenant_id,
            channel_id=world.channel_id,
            dedupe_key=uuid4().hex,
            event_name="message:in:new",
            raw=b"{}",
            normalised={"facts": []},
            received_at=received_at,
        )
    )

    async def meets_trouble(session: AsyncSession, tenant_id: UUID, event_id: UUID) -> list[Signal]:
        raise DBAPIError("SELECT", {}, trouble("trouble"))

    monkeypatch.setattr(inbound, "process_event", meets_trouble)
    sweep = InboundEvents(database, Mock(spec=Client)).sweep
    if is_the_events:
        await ActivityEnvironment().run(sweep, SweepRequest())
    else:
        with pytest.raises(DBAPIError):
            await ActivityEnvironment().run(sweep, SweepRequest())
    [row] = await world.run("SELECT problem FROM inbound_events WHERE tenant_id = :tenant")
    assert (row.problem is not None) is is_the_events
