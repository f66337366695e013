"""STOP and START are processed in any order, late and doubled: the word that was said last holds (CAM-13)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.engine import Database
from db.inbound import process_event, store_event
from db.optouts import suppress, unsuppress
from domain.deliveries import ReceiptOutcome
from domain.inbound import IncomingEvent, TextFact
from tests.ledger_world import Person, World, sender, settle
from tests.platform_double import PlatformDouble

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Word:
    """What a person says, when by the platform's clock (None: it does not tell), and when it is heard."""

    word: str
    told: int | None
    heard: int
    message_id: str

    @property
    def said(self) -> int:
        """The moment that counts: nothing is said after it is heard."""
        return self.heard if self.told is None else min(self.told, self.heard)

    async def process(self, person: Person) -> None:
        """It is recorded."""
        told = None if self.told is None else NOON + timedelta(seconds=self.told)
        await person.writes(self.word, self.message_id, said=told, heard=NOON + timedelta(seconds=self.heard))


words = st.builds(
    Word,
    st.sampled_from(("STOP", "START")),
    st.none() | st.integers(0, 9),
    st.integers(0, 9),
    st.uuids().map(str),
)


async def is_suppressed(person: Person) -> bool:
    """Whether the person is on the list."""
    return bool(await person.world.run("SELECT 1 FROM suppressions WHERE phone = :phone", phone=person.phone))


async def heed(world: World, words_in_order: list[Word]) -> tuple[bool, int]:
    """Somebody new says all this: whether the person is suppressed in the end, and how many texts are on record."""
    person = await world.person()
    for word in words_in_order:
        await word.process(person)
    [row] = await world.run("SELECT count(*) FROM messages WHERE contact_id = :contact", contact=person.contact_id)
    return await is_suppressed(person), row.count


async def test_shuffled_and_doubled_words_end_as_the_one_said_last_has_it(database: Database) -> None:
    world = await World.make(database)
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(words, min_size=1, max_size=5, unique_by=lambda word: word.message_id), st.data())
    def the_last_holds(said: list[Word], data: st.DataObject) -> None:
        doubled = said + data.draw(st.lists(st.sampled_from(said), max_size=3))
        order = data.draw(st.permutations(doubled))
        fresh = {
            word.message_id: uuid4().hex for word in said
        }  # a tenant's texts are kept from one example to the next
        renamed = [Word(word.word, word.told, word.heard, fresh[word.message_id]) for word in order]
        suppressed, texts = asyncio.run_coroutine_threadsafe(heed(world, renamed), loop).result(30)
        latest = max(word.said for word in said)
        assert suppressed == any(word.word == "STOP" for word in said if word.said == latest)
        assert texts == len(said)

    await asyncio.to_thread(the_last_holds)


async def test_a_start_that_waited_for_the_sweep_does_not_lift_the_stop_that_came_after_it(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    fact = TextFact(provider_message_id=uuid4().hex, phone=person.phone, text="START")
    event = IncomingEvent(
        channel_id=world.channel_id, dedupe_key=uuid4().hex, event_name="message:in:new", raw=b"{}", facts=[fact]
    )
    async with database.tenant(world.tenant_id) as session:
        event_id = await store_event(session, world.tenant_id, event)
    assert event_id is not None
    await person.writes("STOP")

    async with database.tenant(world.tenant_id) as session:
        await process_event(session, world.tenant_id, event_id)

    assert await is_suppressed(person)
    again = await (await world.another_campaign()).person(contact_id=person.contact_id, phone=person.phone)
    receipt = await settle(sender(database, PlatformDouble()), again.message_1())
    assert receipt.outcome == ReceiptOutcome.REFUSED


async def test_a_stop_that_comes_late_ends_nothing_of_a_person_who_has_come_back(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    await person.writes("START", said=NOON)

    assert await person.writes("STOP", said=NOON - timedelta(minutes=1)) == []

    assert not await is_suppressed(person)
    assert (await person.enrollment()).closed_at is None


@pytest.mark.parametrize("last", ["STOP", "START"])
async def test_of_two_words_that_are_processed_at_once_the_later_holds(database: Database, last: str) -> None:
    world = await World.make(database)
    people = await world.people(30)
    first = "START" if last == "STOP" else "STOP"

    async def say_both(person: Person) -> None:
        said = [Word(first, 1, 9, uuid4().hex), Word(last, 2, 9, uuid4().hex)]
        await asyncio.gather(*(word.process(person) for word in reversed(said)))

    await asyncio.gather(*(say_both(person) for person in people))

    assert {await is_suppressed(person) for person in people} == {last == "STOP"}


@pytest.mark.parametrize(("after", "stays"), [(-1, True), (1, False)])
async def test_a_start_lifts_what_an_operator_suppressed_before_it_and_only_that(
    database: Database, after: int, stays: bool
) -> None:
    world = await World.make(database)
    person = await world.person()
    async with database.tenant(world.tenant_id) as session:
        await suppress(session, world.tenant_id, [person.phone], "api")
    now = datetime.now(UTC) + timedelta(minutes=after)

    await person.writes("START", said=now, heard=now)

    assert await is_suppressed(person) == stays


@pytest.mark.parametrize(("after", "stays"), [(-1, True), (1, False)])
async def test_a_suppression_that_was_imported_before_there_was_a_contact_stands_since_then(
    database: Database, after: int, stays: bool
) -> None:
    world = await World.make(database)
    phone = f"+3361{uuid4().int % 10**7:07d}"
    async with database.tenant(world.tenant_id) as session:
        await suppress(session, world.tenant_id, [phone], "import")
    person = await world.person(phone=phone)
    now = datetime.now(UTC) + timedelta(minutes=after)

    await person.writes("START", said=now, heard=now)

    assert await is_suppressed(person) == stays


async def test_an_operator_who_takes_a_phone_off_the_list_does_not_outdo_a_stop_that_was_on_its_way(
    database: Database,
) -> None:
    world = await World.make(database)
    person = await world.person()
    async with database.tenant(world.tenant_id) as session:
        await suppress(session, world.tenant_id, [person.phone], "api")
    async with database.tenant(world.tenant_id) as session:
        await unsuppress(session, world.tenant_id, [person.phone])
    assert not await is_suppressed(person)

    await person.writes("STOP", said=datetime.now(UTC) - timedelta(minutes=5))

    assert await is_suppressed(person)
