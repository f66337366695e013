"""What a campaign judges itself by: errors at the call, and failures that the platform tells later, each once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from db import running
from db.engine import Database
from db.receipts import apply_receipt
from db.tables import Delivery
from domain.breaker import ErrorSample, judge
from domain.inbound import ReceiptFact
from tests.db.planner import known_to_the_planner
from tests.ledger_world import Person, World, sender, settle
from tests.platform_double import PlatformDouble

JUDGED = datetime(2026, 5, 1, 12, tzinfo=UTC)
"""When the sample before this one was judged."""


@dataclass
class Books:
    """A campaign whose messages were asked for and failed at the times that a test says, in seconds after `JUDGED`."""

    world: World
    person: Person

    @classmethod
    async def make(cls, database: Database) -> "Books":
        world = await World.make(database)
        return cls(world, await world.person())

    async def asked(self, *at: float, told: float | None = None, **more: Any) -> None:
        """Messages 1 that the platform took; of all of them it told later that they failed, if `told`."""
        await self.world.keep(*(self._delivery(seconds, told, more) for seconds in at))

    def _delivery(self, at: float, told: float | None, more: dict[str, Any]) -> Delivery:
        world = self.world
        columns: dict[str, Any] = {
            "tenant_id": world.tenant_id,
            "channel_id": world.channel_id,
            "campaign_id": world.campaign_id,
            "contact_id": self.person.contact_id,
            "kind": "message_1",
            "status": "sent",
            "idempotency_key": uuid4().hex,
            "first_asked_at": JUDGED + timedelta(seconds=at),
            "failure_told_at": None if told is None else JUDGED + timedelta(seconds=told),
        }
        return Delivery(**{**columns, **more})

    async def sample(self, since: float = 0) -> tuple[int, int]:
        """Attempted and errored, as the campaign's workflow gets them."""
        world = self.world
        async with world.database.tenant(world.tenant_id) as session:
            stock = await running.take_stock(
                session, world.tenant_id, world.campaign_id, JUDGED + timedelta(seconds=since)
            )
        ErrorSample(attempted=stock.attempted, errored=stock.errored)
        return stock.attempted, stock.errored


@pytest.fixture
async def books(database: Database) -> Books:
    """Of a campaign without messages."""
    return await Books.make(database)


def tripped(sample: tuple[int, int]) -> bool:
    """Whether the campaign pauses itself."""
    return judge(ErrorSample(attempted=sample[0], errored=sample[1])).tripped


async def receive(person: Person, status: str) -> None:
    """The platform tells how far this person's Message 1 came."""
    world = person.world
    fact = ReceiptFact.model_validate({"status": status, "reference": person.message_1().idempotency_key})
    async with world.database.tenant(world.tenant_id) as session:
        await apply_receipt(session, world.tenant_id, world.channel_id, fact, datetime.now(UTC))


async def test_a_failure_told_by_a_receipt_is_an_error_once_until_it_is_taken_back(database: Database) -> None:
    world, before = await World.make(database), datetime.now(UTC)
    people = await world.people(10)
    deliveries = sender(database, PlatformDouble())
    for person in people:
        await settle(deliveries, person.message_1())

    async def sample() -> tuple[int, int]:
        async with database.tenant(world.tenant_id) as session:
            stock = await running.take_stock(session, world.tenant_id, world.campaign_id, before)
        return stock.attempted, stock.errored

    for person in people:
        await receive(person, "delivered" if person in people[3:] else "sent")
    assert await sample() == (10, 0)
    for person in people[:3] * 2:
        await receive(person, "failed")
    assert await sample() == (10, 3)
    assert tripped((10, 3))
    await receive(people[0], "read")
    assert await sample() == (10, 2)


async def test_what_is_told_of_a_batch_after_it_was_judged_is_held_against_its_own_number(books: Books) -> None:
    await books.asked(*range(-50, -15))
    await books.asked(*range(-15, 0), told=30)

    assert await books.sample() == (50, 15)
    await books.asked(60)
    assert await books.sample() == (50, 15)
    assert tripped((50, 15))
    assert await books.sample(since=31) == (1, 0), "what is judged is not judged again"


@pytest.mark.parametrize(("paused_at", "errored"), [(None, 6), (-0.5, 2), (-30.0, 6)])
async def test_what_is_told_in_two_portions_is_weighed_together_but_for_what_a_pause_has_settled(
    books: Books, paused_at: float | None, errored: int
) -> None:
    await books.asked(*range(-20, -6))
    await books.asked(*range(-6, -2), told=-1)
    await books.asked(*range(-2, 0), told=30)
    if paused_at is not None:
        await books.world.run(
            "INSERT INTO campaign_samples (tenant_id, campaign_id, at, status, delay_seconds) "
            "VALUES (:tenant, :campaign, :at, 'paused', 1)",
            at=JUDGED + timedelta(seconds=paused_at),
        )

    assert await books.sample() == (20, errored)
    assert await books.sample(since=31) == (0, 0), "with nothing new to tell nobody is judged again"


async def test_the_first_of_a_batch_do_not_answer_for_the_failures_of_the_one_before_the_pause(books: Books) -> None:
    await books.asked(*range(-50, -3))
    await books.asked(*range(-3, 0), told=600)
    await books.asked(*range(3600, 3610))

    sample = await books.sample()

    assert sample == (50, 3)
    assert not tripped(sample)


async def test_a_slow_campaigns_failures_are_weighed_against_what_was_asked_in_as_long_a_time(books: Books) -> None:
    now = (datetime.now(UTC) - JUDGED).total_seconds()
    since = now - 20
    await books.asked(*(since - 1 - second for second in range(100)))
    await books.asked(*(since - 50 - second for second in range(6)), told=now - 5)

    attempted, errored = await books.sample(since)

    assert errored == 6
    assert 18 <= attempted <= 24, "twenty seconds before the sample, however long ago the failures were asked for"


async def test_an_error_at_the_call_that_is_told_again_by_a_receipt_is_one(books: Books) -> None:
    await books.asked(*range(-20, 0))
    await books.asked(-1, errors=1, told=10)
    await books.asked(*range(1, 10))
    await books.asked(10, errors=1, told=20)

    assert await books.sample() == (10, 1)


async def test_there_are_never_more_errors_than_messages(books: Books) -> None:
    await books.asked(*(-9000 for _ in range(30)), told=1)

    for since in (0.0, (datetime.now(UTC) - JUDGED).total_seconds()):
        attempted, errored = await books.sample(since)
        assert errored <= attempted


@pytest.mark.parametrize(("probe", "errored"), [("wanted", 0), ("the key of a message", 0), (None, 4)])
async def test_what_is_told_while_a_probe_is_out_says_nothing(books: Books, probe: str | None, errored: int) -> None:
    await books.asked(*range(-10, 0))
    await books.asked(*range(-4, 0), told=10)
    await books.world.run("UPDATE campaigns SET probe = :probe WHERE id = :campaign", probe=probe)

    assert (await books.sample())[1] == errored


@pytest.mark.parametrize("lasted", [timedelta(hours=6), timedelta(days=365)], ids=["six hours", "a year"])
async def test_the_sample_costs_no_more_in_a_long_campaign(books: Books, database_url: str, lasted: timedelta) -> None:
    world, begun = books.world, JUDGED - lasted
    await world.run(
        """
        INSERT INTO deliveries (id, tenant_id, channel_id, campaign_id, contact_id, kind, status, idempotency_key,
                                first_asked_at, created_at, updated_at, attempts, errors, counted_attempts,
                                credit_spent)
        SELECT gen_random_uuid(), :tenant, :channel, :campaign, :contact, 'message_1', 'sent', :prefix || n,
               CAST(:begun AS timestamptz) + n * (CAST(:judged AS timestamptz) - CAST(:begun AS timestamptz)) / 20000,
               now(), now(), 1, 0, 1, false
        FROM generate_series(0, 19999) AS n
        """,
        contact=books.person.contact_id, prefix=uuid4().hex, begun=begun, judged=JUDGED,
    )  # fmt: skip
    await books.asked(-9000, -8000, told=100)
    await known_to_the_planner(database_url)
    values = {
        **{"tenant_id": world.tenant_id, "campaign_id": world.campaign_id},
        **{"since": JUDGED, "outside_window": "", "peers_for_each": running.PEERS_FOR_EACH},
    }

    async with world.database.tenant(world.tenant_id) as session:
        explained = await session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {running._STOCK.text}"), values)
        plan = explained.scalar_one()[0]["Plan"]

    assert (await books.sample())[1] == 2
    assert looked_at(plan) < 200


def looked_at(plan: dict[str, Any]) -> int:
    """How many rows of the ledger a plan has read, kept or not."""
    mine = 0
    if plan.get("Relation Name") == "deliveries":
        mine = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(mine + sum(looked_at(child) for child in plan.get("Plans", [])))
