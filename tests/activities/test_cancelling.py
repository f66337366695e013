"""A cancel closes its contacts page by page, while everything else goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.campaigns import CampaignRecords
from db import cancelling
from db.engine import Database
from db.reading.progress import read_counts
from db.receipts import apply_receipt
from db.running import open_contacts
from domain.campaigns import CampaignRef
from domain.deliveries import ReceiptOutcome
from domain.inbound import ReceiptFact
from domain.statuses import CampaignStatus
from tests.db.planner import known_to_the_planner, unknown_to_the_planner
from tests.ledger_world import Person, World, attempt, sender, settle, until
from tests.platform_double import Crash, PlatformDouble
from workflows.ports import MarkRequest, MarkResult

CONNECTIONS = 3

Before = Callable[[int], Awaitable[None]]
"""What happens just before a page, the first of them number 1."""


async def cancel(
    world: World, number: int = 1, *, database: Database | None = None, environment: ActivityEnvironment | None = None
) -> int:
    """The how-manieth attempt at cancelling; how many it says that it stopped."""
    environment = environment or ActivityEnvironment()
    environment.info = replace(environment.info, attempt=number, heartbeat_timeout=None)
    records = CampaignRecords(database or world.database, Mock(spec=Client))
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    request = MarkRequest(campaign=campaign, status=CampaignStatus.CANCELLED, delay_seconds=0)
    result: MarkResult = await environment.run(records.mark, request)
    assert result.status == CampaignStatus.CANCELLED
    return result.affected


@pytest.fixture
def pages_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Before | None], None]:
    """Makes pages so small, and has something happen before each."""
    real = cancelling.close_page

    def make(size: int, before: Before | None) -> None:
        number = 0

        async def close_page(session: AsyncSession, tenant_id: UUID, campaign_id: UUID, after: UUID) -> UUID | None:
            nonlocal number
            number += 1
            if before is not None:
                await before(number)
            return await real(session, tenant_id, campaign_id, after, limit=size)

        monkeypatch.setattr(cancelling, "close_page", close_page)

    return make


PagesOf = Callable[[int, Before | None], None]


@pytest_asyncio.fixture
async def narrow(database_url: str) -> AsyncIterator[Database]:
    """A worker's pool, with few connections."""
    database = Database.connect(database_url, pool_size=CONNECTIONS)
    yield database
    await database.close()


async def receive(person: Person, status: str, reason: str | None = None) -> None:
    """The platform tells how far this person's Message 1 came."""
    world, key = person.world, person.message_1().idempotency_key
    fact = ReceiptFact.model_validate({"status": status, "reference": key, "reason": reason})
    [now] = await world.run("SELECT now() AS at")
    async with world.database.tenant(world.tenant_id) as session:
        await apply_receipt(session, world.tenant_id, world.channel_id, fact, now.at)


async def is_marked(world: World) -> bool:
    """Whether the campaign is cancelled for all to see."""
    [campaign] = await world.run("SELECT status FROM campaigns WHERE id = :campaign")
    return bool(campaign.status == "cancelled")


async def test_the_campaign_is_cancelled_first_and_its_states_add_up_at_every_page(
    database: Database, pages_of: PagesOf
) -> None:
    world = await World.make(database)
    await world.people(10)
    seen: list[tuple[str, int, int]] = []

    async def look(_number: int) -> None:
        [campaign] = await world.run("SELECT status FROM campaigns WHERE id = :campaign")
        async with database.tenant(world.tenant_id) as session:
            counts = (await read_counts(session, [world.campaign_id]))[world.campaign_id]
        seen.append((campaign.status, counts.pending, counts.cancelled))
        assert counts.total == 10

    pages_of(4, look)

    assert await cancel(world) == 10
    assert seen == [("cancelled", 10 - stopped, stopped) for stopped in (0, 4, 8, 10)]


async def test_while_a_page_has_to_wait_others_claim_and_send(database: Database, narrow: Database) -> None:
    world, other = await World.make(database), await World.make(database)
    somebody = await other.person()
    first, *rest = sorted(await world.people(3 * CONNECTIONS), key=lambda person: person.contact_id)
    platform = PlatformDouble()

    async with database.tenant(world.tenant_id) as session:
        await session.execute(
            text("SELECT FROM enrollments WHERE contact_id = :id FOR UPDATE"), {"id": first.contact_id}
        )
        cancelled = asyncio.create_task(cancel(world, database=narrow))
        async with asyncio.timeout(10):
            await until(lambda: is_marked(world))
            mine = [settle(sender(narrow, platform), person.message_1()) for person in rest]
            refused = asyncio.gather(*mine)
            sent = await settle(sender(narrow, platform), somebody.message_1())
            outcomes = {receipt.outcome for receipt in await refused}
        assert not cancelled.done()

    assert (sent.outcome, outcomes) == (ReceiptOutcome.SENT, {ReceiptOutcome.REFUSED})
    assert await cancelled == len(rest) + 1, "those whom the gate refused meanwhile are stopped too"


@pytest.mark.parametrize("dies", ["before the first page", "between two pages"])
async def test_a_cancel_that_dies_is_completed_by_its_repeat_with_the_right_number(
    database: Database, pages_of: PagesOf, dies: str
) -> None:
    world = await World.make(database)
    people = await world.people(5)

    async def die(number: int) -> None:
        if number == (1 if dies == "before the first page" else 3):
            raise Crash

    pages_of(2, die)
    with pytest.raises(Crash):
        await cancel(world)
    [before] = await world.run("SELECT ended_at FROM campaigns WHERE id = :campaign")
    stopped = [person for person in people if (await person.enrollment()).closed_at is not None]
    assert len(stopped) == (0 if dies == "before the first page" else 4)

    pages_of(2, None)
    assert await cancel(world, 2) == 5

    assert {(await person.enrollment()).outcome for person in people} == {"cancelled"}
    [after] = await world.run("SELECT ended_at FROM campaigns WHERE id = :campaign")
    assert after.ended_at == before.ended_at


async def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_another(database: Database, pages_of: PagesOf) -> None:
    world = await World.make(database)
    await world.people(5)
    environment = ActivityEnvironment()

    async def stop(_number: int) -> None:
        environment.worker_shutdown()

    pages_of(2, stop)
    with pytest.raises(ApplicationError, match="stopping"):
        await cancel(world, environment=environment)

    assert await cancel(world, 2) == 5


async def test_what_comes_between_the_cancel_and_a_contacts_page_finds_it_cancelled(
    database: Database, pages_of: PagesOf
) -> None:
    world = await World.make(database)
    held, next_in_line, replies, fails, reads = await world.people(5)
    platform = PlatformDouble()
    deliveries = sender(database, platform)
    for person in (replies, fails, reads):
        await settle(deliveries, person.message_1())
    await world.run("UPDATE campaigns SET status = 'paused' WHERE id = :campaign")
    assert (await settle(deliveries, held.message_1())).outcome == ReceiptOutcome.HELD
    calls = len(platform.calls)

    async def meanwhile(number: int) -> None:
        if number > 1:
            return
        async with asyncio.timeout(10):
            assert (await attempt(deliveries, next_in_line.message_1())).outcome == ReceiptOutcome.REFUSED
            assert len(await replies.writes("Yes")) == 1
            assert (await attempt(deliveries, replies.message_2())).outcome == ReceiptOutcome.REFUSED
            await receive(fails, "failed", "no such device")
            await receive(reads, "read")

    pages_of(2, meanwhile)

    assert await cancel(world) == 2
    assert len(platform.calls) == calls
    ends = [await person.enrollment() for person in (held, next_in_line, replies, fails, reads)]
    cancelled = "The campaign was cancelled."
    assert [(end.status, end.outcome, end.reason) for end in ends] == [
        ("cancelled", "cancelled", cancelled),
        ("cancelled", "cancelled", cancelled),
        ("sent", "cancelled", cancelled),
        ("failed", "cancelled", "no such device"),
        ("read", "cancelled", cancelled),
    ]
    assert await held.status() == "refused"
    assert [line for line, _ in await held.log()][-1] == "refused"


async def test_who_was_put_back_in_line_is_told_to_stop_as_the_run_before_may_still_wait(database: Database) -> None:
    world = await World.make(database)
    retried = await world.person(launched_at=None, generation=1)
    await world.person(launched_at=None)
    await cancel(world)

    async with database.tenant(world.tenant_id) as session:
        told = await open_contacts(session, world.tenant_id, world.campaign_id, 0, 10)

    assert [contact_id for _, contact_id in told] == [retried.contact_id]


NEW_DELIVERY = """
    INSERT INTO deliveries (id, tenant_id, channel_id, campaign_id, contact_id, kind, status, idempotency_key,
                            created_at, updated_at, attempts, errors, counted_attempts, credit_spent)
"""


@pytest.mark.parametrize("planner", [unknown_to_the_planner, known_to_the_planner])
async def test_a_page_costs_little_whether_the_planner_knows_the_campaign_or_nothing(
    database: Database, database_url: str, planner: Callable[[str], Awaitable[None]]
) -> None:
    world = await World.make(database)
    person = await world.person()
    await world.run(
        f"""
        {NEW_DELIVERY}
        SELECT gen_random_uuid(), :tenant, :channel, :campaign, :contact, 'message_1', 'sent', :prefix || n,
               now(), now(), 1, 0, 1, false
        FROM generate_series(1, 20000) AS n
        """,
        contact=person.contact_id,
        prefix=uuid4().hex,
    )
    await world.run(
        f"""
        WITH people AS (
            INSERT INTO contacts (id, tenant_id, phone)
            SELECT gen_random_uuid(), :tenant, '+1' || (2000000000 + n) FROM generate_series(1, 3000) AS n RETURNING id
        ), enrolled AS (
            INSERT INTO enrollments (tenant_id, campaign_id, contact_id, channel_id, variables, generation, status,
                                     held)
            SELECT :tenant, :campaign, id, :channel, '{{}}', 0, 'pending', false FROM people
        )
        {NEW_DELIVERY}
        SELECT gen_random_uuid(), :tenant, :channel, :campaign, id, 'message_1', 'held',
               'campaign/' || CAST(:campaign AS varchar) || '/contact/' || id || '/message-1', now(), now(), 0, 0, 0,
               false
        FROM people
        """
    )
    await planner(database_url)
    plans: list[dict[str, Any]] = []

    async with database.tenant(world.tenant_id) as session:
        real = session.execute

        async def explained(statement: Any, values: dict[str, Any]) -> Any:
            plan = await real(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}"), values)
            plans.append(plan.scalar_one()[0]["Plan"])
            return await real(statement, values)

        session.execute = explained  # type: ignore[method-assign, assignment]
        await cancelling.close_page(session, world.tenant_id, world.campaign_id, cancelling.START)

    [refused] = await world.run("SELECT count(*) FROM deliveries WHERE tenant_id = :tenant AND status = 'refused'")
    assert refused.count >= cancelling.PAGE - 1
    assert sum(handled(plan, "deliveries") for plan in plans) < 10 * cancelling.PAGE, "others' deliveries are read"
    assert sum(handled(plan) for plan in plans) < 50_000, "rows are compared with each other"


def handled(plan: dict[str, Any], table: str | None = None) -> int:
    """How many rows a plan has looked at, passed on or not; of one table, if given."""
    looked_at = plan["Actual Rows"] + sum(number for name, number in plan.items() if name.startswith("Rows Removed"))
    mine = looked_at * plan["Actual Loops"] if table in (None, plan.get("Relation Name")) else 0
    return int(mine + sum(handled(child, table) for child in plan.get("Plans", [])))
