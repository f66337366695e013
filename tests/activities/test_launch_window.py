"""A campaign's send window: who is launched while it is open for whom, and who is held (SPEC CAM-14)."""

import json
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from db.engine import Database
from db.launching import Turn, take_turn
from db.running import mark_launched, read_plan, take_stock
from domain.campaigns import CampaignRef
from domain.deliveries import ReceiptOutcome
from domain.phone_zones import zone_prefix
from rehearsal.facts import ContactFacts
from rehearsal.roll import Roll
from tests.ledger_world import Person, World, attempt, sender, settle
from tests.platform_double import PlatformDouble
from tests.rehearsal.briefs import brief

PARIS, NEW_YORK, LORD_HOWE = "+336123456{:02}", "+121255501{:02}", "+612550531{:02}"
NOON_IN_PARIS = datetime(2026, 11, 25, 11, tzinfo=UTC)
"""Six in the morning in New York, ten in the evening on Lord Howe Island."""
NINE_TO_SIX = '{"start": "09:00", "end": "18:00", "zone": "contact"}'


def at_hour(offset: int, zone: str = "UTC") -> str:
    """A window of an hour that began so many hours from now."""
    start, end = (datetime.now(UTC) + timedelta(hours=offset + length) for length in (0, 1))
    return f'{{"start": "{start:%H:%M}", "end": "{end:%H:%M}", "zone": "{zone}"}}'


async def set_window(world: World, window: str) -> None:
    await world.run(
        "UPDATE campaigns SET send_window = CAST(:window AS jsonb) WHERE tenant_id = :tenant", window=window
    )


async def in_line(world: World, *phones: str) -> list[Person]:
    """People who wait to be launched, as an import takes them in."""
    return [await world.person(phone=one, dial_prefix=zone_prefix(one), launched_at=None) for one in phones]


async def turn(world: World, at: datetime, *, size: int = 10, delay: float = 1.0) -> Turn:
    """The next batch, marked as launched."""
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    async with world.database.tenant(world.tenant_id) as session:
        plan = await read_plan(session, world.tenant_id, world.campaign_id)
        taken = await take_turn(session, campaign, plan, size, at, delay)
        await mark_launched(session, world.tenant_id, world.campaign_id, taken.batch)
    return taken


def ids_of(taken: Turn) -> list[Any]:
    return [one.contact_id for one in taken.batch]


async def test_those_who_are_awake_go_first_and_the_others_when_they_are(database: Database) -> None:
    world = await World.make(database)
    await set_window(world, NINE_TO_SIX)
    people = await in_line(world, NEW_YORK.format(10), LORD_HOWE.format(11), PARIS.format(12), NEW_YORK.format(13))

    noon = await turn(world, NOON_IN_PARIS)
    assert (ids_of(noon), noon.is_last, noon.opens_at) == ([people[2].contact_id], False, None)
    nobody = await turn(world, NOON_IN_PARIS)
    assert (ids_of(nobody), nobody.is_last) == ([], False)
    assert nobody.opens_at == datetime(2026, 11, 25, 14, tzinfo=UTC)
    afternoon = await turn(world, nobody.opens_at)
    assert (ids_of(afternoon), afternoon.is_last) == ([people[0].contact_id, people[3].contact_id], False)
    island = await turn(world, datetime(2026, 11, 25, 22, tzinfo=UTC))
    assert (ids_of(island), island.is_last, island.opens_at) == ([people[1].contact_id], True, None)
    assert (await turn(world, NOON_IN_PARIS)).is_last


async def test_a_batch_ends_where_the_window_ends(database: Database) -> None:
    world = await World.make(database)
    await set_window(world, NINE_TO_SIX)
    people = await in_line(world, *(PARIS.format(number) for number in range(20, 26)))

    closing = datetime(2026, 11, 25, 16, 59, 30, tzinfo=UTC)
    evening = await turn(world, closing, delay=10)
    assert (ids_of(evening), evening.is_last) == ([one.contact_id for one in people[:3]], False)
    night = await turn(world, closing + timedelta(seconds=30), delay=10)
    assert (ids_of(night), night.opens_at) == ([], datetime(2026, 11, 26, 8, tzinfo=UTC))


async def test_a_fixed_zone_opens_for_all_at_once_and_a_finished_line_waits_for_nothing(database: Database) -> None:
    world = await World.make(database)
    await set_window(world, '{"start": "09:00", "end": "18:00", "zone": "America/New_York"}')
    people = await in_line(world, PARIS.format(30), NEW_YORK.format(31))

    assert (await turn(world, NOON_IN_PARIS)).opens_at == datetime(2026, 11, 25, 14, tzinfo=UTC)
    open_now = await turn(world, datetime(2026, 11, 25, 14, tzinfo=UTC))
    assert ids_of(open_now) == [one.contact_id for one in people]
    finished = await turn(world, NOON_IN_PARIS)
    assert (ids_of(finished), finished.is_last, finished.opens_at) == ([], True, None)


@pytest.mark.parametrize(
    "window",
    [
        NINE_TO_SIX,
        '{"start": "09:00", "end": "18:00", "zone": "America/New_York", "days": [2, 4]}',
        '{"start": "22:00", "end": "05:59", "zone": "tenant"}',
    ],
)
async def test_a_rehearsal_launches_whom_the_engine_launches(database: Database, window: str) -> None:
    world = await World.make(database)
    await set_window(world, window)
    phones = [phone.format(number) for phone, number in zip(cycle([NEW_YORK, LORD_HOWE, PARIS]), range(50, 65))]
    people = await in_line(world, *phones)
    line = [
        ContactFacts(id=person.contact_id, dial_prefix=zone_prefix(phone) or "")
        for person, phone in zip(people, phones, strict=True)
    ]
    roll, at = Roll(brief(0, facts=line, hours=json.loads(window)).campaign), datetime(2026, 11, 25, 4, 58, tzinfo=UTC)
    for _ in range(100):
        engine, rehearsed = await turn(world, at, size=2, delay=100), roll.take_turn(2, at, 100)
        assert ids_of(engine) == [person.facts.id for person in rehearsed.batch]
        assert (engine.is_last, engine.opens_at) == (roll.exhausted, rehearsed.opens_at)
        at = engine.opens_at or at + timedelta(hours=1, minutes=50)
        if engine.is_last:
            break
    assert roll.exhausted


async def test_a_held_message_goes_out_when_the_window_opens(database: Database) -> None:
    world = await World.make(database)
    await set_window(world, at_hour(2))
    person, platform = await world.person(), PlatformDouble()
    send = sender(database, platform)

    held = await attempt(send, person.message_1())
    assert held.outcome == ReceiptOutcome.HELD
    assert held.hold_until is not None
    assert timedelta(hours=1) < held.hold_until - datetime.now(UTC) <= timedelta(hours=2)
    await set_window(world, at_hour(0))
    assert (await settle(send, person.message_1())).outcome == ReceiptOutcome.SENT
    assert len(platform.calls) == 1


async def test_message_2_answers_at_once_unless_it_is_to_wait_too(database: Database) -> None:
    world = await World.make(database)
    await set_window(world, at_hour(2))
    send = sender(database, PlatformDouble())
    talking, waiting = await world.people(2)

    assert (await settle(send, talking.message_2())).outcome == ReceiptOutcome.SENT
    await set_window(world, at_hour(2).replace("}", ', "message_2": true}'))
    assert (await attempt(send, waiting.message_2())).outcome == ReceiptOutcome.HELD


async def test_the_contacts_own_zone_decides_at_the_gate(database: Database) -> None:
    world = await World.make(database)
    in_paris, on_the_island = [await world.person(phone=one.format(40)) for one in (PARIS, LORD_HOWE)]
    there = datetime.now(ZoneInfo("Europe/Paris"))
    start, end = there - timedelta(minutes=30), there + timedelta(minutes=30)
    await set_window(world, f'{{"start": "{start:%H:%M}", "end": "{end:%H:%M}", "zone": "contact"}}')
    send = sender(database, PlatformDouble())

    assert (await settle(send, in_paris.message_1())).outcome == ReceiptOutcome.SENT
    assert (await attempt(send, on_the_island.message_1())).outcome == ReceiptOutcome.HELD


async def test_those_who_wait_for_the_window_do_not_keep_the_next_batch_back(database: Database) -> None:
    world = await World.make(database)
    await set_window(world, at_hour(2))
    held, _queued = await world.people(2)
    receipt = await attempt(sender(database, PlatformDouble()), held.message_1())

    async with database.tenant(world.tenant_id) as session:
        stock = await take_stock(session, world.tenant_id, world.campaign_id, datetime.now(UTC))
        assert (stock.in_flight, stock.open, stock.held_until) == (1, 2, None)
        await session.execute(text("UPDATE enrollments SET status = 'sent' WHERE NOT held"))
        stock = await take_stock(session, world.tenant_id, world.campaign_id, datetime.now(UTC))
        assert (stock.in_flight, stock.open, stock.held_until) == (0, 2, receipt.hold_until)
