"""A person whose account spells the number in another way is the same person: for replies, STOPs, lists and imports."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest

from db.closing import TextWaits, close_enrollment
from db.engine import Database
from db.imports import Staging
from db.inbound import store_event
from db.optouts import suppress, unsuppress
from db.reading.campaigns import find_campaign, readiness
from db.reading.contacts import find_contact
from db.reading.rehearsal import who_waits
from db.reading.timeline import read_timeline
from db.spellings import other_spelling_of
from db.tables import Contact
from domain.csv_rows import ContactRow
from domain.deliveries import ReceiptOutcome
from domain.inbound import IncomingEvent, TextFact
from domain.phone_spellings import other_spelling
from domain.signals import SignalName
from domain.statuses import Outcome
from domain.templates import check_template
from tests.ledger_world import Person, World, sender, settle
from tests.platform_double import PlatformDouble

COUNTRIES = {
    "Mexico": ("+52551", "+521551"),
    "Argentina": ("+549114", "+54114"),
    "Brazil": ("+551198", "+55118"),
}
every_way = pytest.mark.parametrize(
    ("country", "turned"), [(country, turned) for country in COUNTRIES for turned in (False, True)]
)


def pair(country: str, turned: bool) -> tuple[str, str]:
    """How the contact is kept, and how the person's account is spelt."""
    digits = f"{uuid4().int % 10**7:07d}"
    one, other = (start + digits for start in COUNTRIES[country])
    assert other_spelling(one) == other
    return (other, one) if turned else (one, other)


async def written_to(world: World, phone: str) -> Person:
    """Somebody who has had Message 1."""
    person = await world.person(phone=phone)
    await settle(sender(world.database, PlatformDouble()), person.message_1())
    return person


async def contacts(world: World) -> list[str]:
    """All phones of the tenant's contacts."""
    return [row.phone for row in await world.run("SELECT phone FROM contacts WHERE tenant_id = :tenant ORDER BY phone")]


async def listed(world: World) -> list[str]:
    """All phones of the suppression list."""
    return [row.phone for row in await world.run("SELECT phone FROM suppressions WHERE tenant_id = :tenant")]


@every_way
async def test_a_reply_from_the_other_spelling_answers_and_makes_no_second_contact(
    database: Database, country: str, turned: bool
) -> None:
    world = await World.make(database)
    kept, account = pair(country, turned)
    person = await written_to(world, kept)

    [signal] = await person.writes("Yes", phone=account)

    assert signal.name == SignalName.REPLY_RECEIVED
    assert str(person.contact_id) in signal.workflow_id
    assert await contacts(world) == [kept]


@every_way
async def test_a_stop_from_the_other_spelling_ends_and_holds_what_goes_to_the_contact(
    database: Database, country: str, turned: bool
) -> None:
    world = await World.make(database)
    kept, account = pair(country, turned)
    person = await written_to(world, kept)

    await person.writes("STOP", phone=account)

    assert (await person.enrollment()).outcome == "opted_out"
    assert await listed(world) == [kept]
    again = await (await world.another_campaign()).person(contact_id=person.contact_id, phone=kept)
    assert (await settle(sender(database, PlatformDouble()), again.message_1())).outcome == ReceiptOutcome.REFUSED
    await person.writes("START", phone=account)
    assert await listed(world) == []


async def test_of_two_contacts_the_one_that_was_written_to_gets_the_reply_and_else_the_exact_one(
    database: Database,
) -> None:
    world = await World.make(database)
    kept, account = pair("Brazil", False)
    stray = Contact(tenant_id=world.tenant_id, phone=account)
    await world.keep(stray)
    person = await written_to(world, kept)
    [signal] = await person.writes("Yes", phone=account)
    assert str(person.contact_id) in signal.workflow_id

    second = await world.another_campaign()
    both = await second.person(contact_id=stray.id, phone=account)
    await settle(sender(database, PlatformDouble()), both.message_1())
    [signal] = await both.writes("Yes", phone=account)

    assert str(stray.id) in signal.workflow_id


async def test_somebody_unknown_becomes_a_contact_as_the_account_is_spelt(database: Database) -> None:
    world = await World.make(database)
    kept, account = pair("Argentina", True)
    await Person(world, uuid4(), kept).writes("Hello", phone=account)
    assert await contacts(world) == [account]


@every_way
async def test_what_is_suppressed_in_one_spelling_is_held_and_shown_in_the_other(
    database: Database, country: str, turned: bool
) -> None:
    world = await World.make(database)
    kept, account = pair(country, turned)
    person = await world.person(phone=kept, launched_at=None)
    bystander = await world.person(launched_at=None)
    await world.run(
        "INSERT INTO suppressions (id, tenant_id, phone, source) VALUES (gen_random_uuid(), :tenant, :phone, 'import')",
        phone=account,
    )

    async with database.tenant(world.tenant_id) as session:
        ready = await readiness(session, world.campaign_id, check_template("Hi"), shown=1)
        line = await who_waits(session, world.campaign_id, limit=10)
        views = [await find_contact(session, one.contact_id) for one in (person, bystander)]
        history = await read_timeline(session, person.contact_id, after=None, limit=10)
    assert ready.suppressed == 1
    assert line is not None
    assert {row.contact_id: row.suppressed for row in line.contacts} == {
        person.contact_id: True, bystander.contact_id: False
    }  # fmt: skip
    assert [view is not None and view.suppressed for view in views] == [True, False]
    assert [entry.kind for entry in history if entry.kind == "suppressed"] == ["suppressed"]
    assert (await settle(sender(database, PlatformDouble()), person.message_1())).outcome == ReceiptOutcome.REFUSED


async def test_a_contact_who_is_listed_in_both_spellings_counts_once(database: Database) -> None:
    world = await World.make(database)
    kept, account = pair("Brazil", False)
    await world.person(phone=kept, launched_at=None)
    async with database.tenant(world.tenant_id) as session:
        await suppress(session, world.tenant_id, [kept, account], "import")

    async with database.tenant(world.tenant_id) as session:
        ready = await readiness(session, world.campaign_id, check_template("Hi"), shown=1)

    assert ready.suppressed == 1


async def test_a_start_does_not_lift_what_was_imported_after_it_in_the_other_spelling(database: Database) -> None:
    world = await World.make(database)
    kept, account = pair("Brazil", False)
    async with database.tenant(world.tenant_id) as session:
        await suppress(session, world.tenant_id, [account], "import")
    person = await world.person(phone=kept)

    await person.writes("START", said=datetime.now(UTC) - timedelta(minutes=1))
    assert await listed(world) == [account]

    now = datetime.now(UTC) + timedelta(minutes=1)
    await person.writes("START", said=now, heard=now)
    assert await listed(world) == []


@every_way
async def test_an_operator_who_suppresses_one_spelling_ends_the_other_and_lets_both_go_again(
    database: Database, country: str, turned: bool
) -> None:
    world = await World.make(database)
    kept, other = pair(country, turned)
    person = await world.person(phone=kept)

    async with database.tenant(world.tenant_id) as session:
        [signal] = await suppress(session, world.tenant_id, [other], "api")
        await suppress(session, world.tenant_id, [kept], "api")

    assert (signal.name, (await person.enrollment()).outcome) == (SignalName.STOP, "suppressed")
    async with database.tenant(world.tenant_id) as session:
        assert await unsuppress(session, world.tenant_id, [kept]) == 2
    assert await listed(world) == []


async def test_the_end_waits_for_a_text_that_is_stored_under_the_other_spelling(database: Database) -> None:
    world = await World.make(database)
    kept, account = pair("Brazil", False)
    person = await written_to(world, kept)
    fact = TextFact(provider_message_id=uuid4().hex, phone=account, text="Yes")
    event = IncomingEvent(
        channel_id=world.channel_id, dedupe_key=uuid4().hex, event_name="message:in:new", raw=b"{}", facts=[fact]
    )
    async with database.tenant(world.tenant_id) as session:
        await store_event(session, world.tenant_id, event)

    async with database.tenant(world.tenant_id) as session:
        with pytest.raises(TextWaits):
            await close_enrollment(session, world.tenant_id, world.campaign_id, person.contact_id, Outcome.NO_REPLY)


async def take_in(world: World, *rows: ContactRow) -> tuple[int, int]:
    """Imports contacts into the campaign; how many were added, and how many were there."""

    async def chunks() -> AsyncIterator[Sequence[ContactRow]]:
        yield list(rows)

    async with world.database.tenant(world.tenant_id) as session:
        staging = Staging(session)
        await staging.fill(chunks())
        await staging.make_contacts(world.tenant_id)
        campaign = await find_campaign(session, world.campaign_id, lock=True)
        assert campaign is not None
        result = await staging.enroll(campaign, uuid4())
    return result.added, result.duplicates


@every_way
async def test_two_spellings_in_one_file_are_one_contact_with_the_values_of_both(
    database: Database, country: str, turned: bool
) -> None:
    world = await World.make(database)
    first, second = pair(country, turned)
    rows = [ContactRow(2, first, {"first_name": "Ana"}), ContactRow(3, second, {"first_name": "Bo", "city": "Lima"})]

    assert await take_in(world, *rows) == (1, 1)

    assert await contacts(world) == [first]
    [row] = await world.run("SELECT variables FROM enrollments WHERE campaign_id = :campaign")
    assert row.variables == {"first_name": "Ana", "city": "Lima"}


@every_way
async def test_who_is_known_by_the_other_spelling_is_imported_as_the_same_contact(
    database: Database, country: str, turned: bool
) -> None:
    world = await World.make(database)
    known, written = pair(country, turned)
    person = await world.person(phone=known)
    both = await world.another_campaign()

    assert await take_in(world, ContactRow(2, written, {})) == (0, 1)
    assert await take_in(both, ContactRow(2, written, {})) == (1, 0)

    assert await contacts(world) == [known]
    [row] = await both.run("SELECT contact_id FROM enrollments WHERE campaign_id = :campaign")
    assert row.contact_id == person.contact_id


async def test_the_database_and_the_domain_agree_about_every_number(database: Database) -> None:
    world = await World.make(database)
    chance = Random(5)
    heads = ["+52", "+521", "+54", "+549", "+55", "+5511", "+55119", "+5501", "+33", "+1", "+5", "+551198", "52"]
    phones = [
        chance.choice(heads) + "".join(chance.choice("0123456789") for _ in range(chance.randint(5, 11)))
        for _ in range(20_000)
    ]

    rows = await world.run(
        f"SELECT phone, {other_spelling_of('phone')} AS other FROM unnest(CAST(:phones AS varchar[])) AS phone",
        phones=phones,
    )

    assert [(row.phone, row.other) for row in rows] == [(phone, other_spelling(phone)) for phone in phones]
    assert sum(row.other is not None for row in rows) > 500
