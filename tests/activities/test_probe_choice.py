"""Which held message a campaign tries as its probe: one that nothing else holds, and never one that has to wait."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.engine import Database
from db.holds import held_signals
from db.ledger.resolve import workflow_of
from db.tables import Delivery
from tests.ledger_world import Person, World

NIGHT = timedelta(hours=8)


async def held(person: Person, number: int, until: datetime | None) -> Delivery:
    """Their Message 1 is held; `number` gives it its place among the others."""
    request = person.message_1()
    row = Delivery(
        **request.model_dump(exclude={"interaction_id", "replied_at", "scheduled_at"}),
        id=UUID(int=number),
        status="held",
        hold_until=until,
    )
    await person.world.keep(row)
    return row


async def probe_of(world: World) -> list[str]:
    """Whose workflow is told to go on."""
    async with world.database.tenant(world.tenant_id) as session:
        signals, _ = await held_signals(
            session,
            world.tenant_id,
            campaign_id=world.campaign_id,
            channel_id=None,
            after=None,
            limit=1,
            held_only=True,
        )
    return [signal.workflow_id for signal in signals]


@pytest.mark.parametrize("until", [None, datetime(2026, 1, 1, tzinfo=UTC)])
async def test_one_that_is_free_to_go_is_tried_before_one_that_sleeps(
    database: Database, until: datetime | None
) -> None:
    world = await World.make(database)
    await held(await world.person(), 2 * world.tenant_id.int // 4, datetime.now(UTC) + NIGHT)
    free = await held(await world.person(), 2 * world.tenant_id.int // 4 + 1, until)

    assert await probe_of(world) == [workflow_of(free)]


async def test_while_somebody_is_in_line_nobody_who_sleeps_is_tried(database: Database) -> None:
    world = await World.make(database)
    asleep = await held(await world.person(), world.tenant_id.int // 2, datetime.now(UTC) + NIGHT)
    waiting = await world.person(launched_at=None)

    assert await probe_of(world) == []
    await world.run("UPDATE enrollments SET launched_at = now() WHERE contact_id = :who", who=waiting.contact_id)
    assert await probe_of(world) == [workflow_of(asleep)]
