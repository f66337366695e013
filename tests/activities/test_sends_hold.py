"""The installation's hold: nothing is sent while it is on, everything goes on once it was confirmed (SPEC OPS-2)."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from cli.stack import pgfiles
from cli.stack.postgres import running_postgres
from db.engine import APPLICATION_ROLE, Database
from db.holds import held_signals
from db.installation import SendsHold, allow_sends, channels_that_wait, hold_if_moved, hold_sends, read_hold
from domain.deliveries import ReceiptOutcome
from domain.gate import REASON_TEXT, Reason
from domain.signals import SignalName
from migrations.upgrade import upgrade
from tests.ledger_world import World, attempt, sender, settle
from tests.own_parts import own_database
from tests.platform_double import PlatformDouble
from worker import hold_restored_sends

WORDS = REASON_TEXT[Reason.INSTALLATION_HELD]


def of_database(url: str, name: str) -> str:
    """The same server, another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def engine_of(url: str, **options: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url, poolclass=NullPool, **options)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def owner_of(url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction as the schema's owner, as `relance sends` makes one."""
    async with engine_of(url) as engine, engine.begin() as connection:
        yield connection


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[Database]:
    database = Database.connect(url, pool_size=4)
    try:
        yield database
    finally:
        await database.close()


async def on_server(url: str, *statements: str) -> None:
    """Statements that no transaction may hold."""
    async with (
        engine_of(of_database(url, "template1"), isolation_level="AUTOCOMMIT") as engine,
        engine.connect() as server,
    ):
        for statement in statements:
            await server.execute(text(statement))


@pytest_asyncio.fixture
async def own_url(database_url: str) -> AsyncIterator[str]:
    """A database of the test's own, since the hold binds every tenant of one."""
    async with own_database(database_url, "hold") as url:
        yield url


async def hold_of(url: str) -> SendsHold:
    async with owner_of(url) as connection:
        return await read_hold(connection)


async def test_every_kind_is_held_with_the_reason_and_goes_out_once_confirmed(own_url: str) -> None:
    async with database_at(own_url) as database:
        world = await World.make(database)
        person, other = await world.person(), await world.person()
        platform = PlatformDouble()
        deliveries = sender(database, platform)
        async with owner_of(own_url) as connection:
            await hold_sends(connection, "tester", "a rehearsal")
        requests = [person.message_1(), other.message_2()]

        receipts = [await attempt(deliveries, request) for request in requests]

        assert platform.calls == []
        assert [(one.outcome, one.reason) for one in receipts] == [(ReceiptOutcome.HELD, WORDS)] * 2
        assert await person.log() == [("held", WORDS)]
        held = await person.delivery()
        assert held is not None
        assert (held.limit_name, held.hold_until) == ("installation", None)

        async with owner_of(own_url) as connection:
            await allow_sends(connection)
        assert await channels_that_wait(database) == [(world.tenant_id, world.channel_id)]
        async with database.tenant(world.tenant_id) as session:
            signals, _ = await held_signals(
                session, world.tenant_id, campaign_id=None, channel_id=world.channel_id, after=None, limit=10
            )
        assert [signal.name for signal in signals] == [SignalName.RELEASE] * 2
        for request in requests:
            assert (await settle(deliveries, request)).outcome == ReceiptOutcome.SENT
        assert len(platform.calls) == 2


async def test_a_plain_restart_and_a_repeated_migration_hold_nothing(own_url: str) -> None:
    for _ in range(2):
        await upgrade(own_url)
        async with database_at(own_url) as database:
            assert await hold_if_moved(database) is False
    assert await hold_of(own_url) == SendsHold(held=False, at=None, by=None, why=None, moved=False)


async def test_the_operators_reason_stays_when_the_hold_is_set_again(own_url: str) -> None:
    for why in ("first", "second"):
        async with owner_of(own_url) as connection:
            await hold_sends(connection, "tester", why)
    assert (await hold_of(own_url)).why == "first"


async def test_an_installation_without_its_row_sends_nothing(own_url: str) -> None:
    async with database_at(own_url) as database:
        world = await World.make(database)
        person = await world.person()
        async with owner_of(own_url) as connection:
            await connection.execute(text("DELETE FROM installation"))
        platform = PlatformDouble()
        assert (await attempt(sender(database, platform), person.message_1())).reason == WORDS
        assert platform.calls == []


async def tool(program: str, url: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs."""
    target = make_url(url)
    where = ("-h", str(target.query["host"]), "-U", str(target.username))
    process = await asyncio.create_subprocess_exec(
        str(pgfiles.installation() / "bin" / program), *where, *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


def name_of(url: str) -> str:
    return str(make_url(url).database)


async def copied_database(url: str, _place: Path) -> str:
    """CREATE DATABASE … TEMPLATE, on the same server."""
    name = f"copy_{uuid4().hex}"
    await on_server(url, f"CREATE DATABASE {name} TEMPLATE {name_of(url)}")
    return of_database(url, name)


async def dumped_in_place(url: str, place: Path) -> str:
    """The database dropped and restored from its dump under the same name."""
    dump = place / f"{uuid4().hex}.dump"
    await tool("pg_dump", url, "-Fc", "-f", str(dump), name_of(url))
    await on_server(url, f"DROP DATABASE {name_of(url)} WITH (FORCE)", f"CREATE DATABASE {name_of(url)}")
    await tool("pg_restore", url, "--exit-on-error", "--no-owner", "-d", name_of(url), str(dump))
    return url


@pytest.mark.parametrize("way", [copied_database, dumped_in_place])
async def test_a_database_that_was_copied_or_restored_holds_before_its_first_send(
    own_url: str, session_dir: Path, way: Callable[[str, Path], Awaitable[str]]
) -> None:
    async with database_at(own_url) as database:
        world = await World.make(database)
        person = await world.person()
    url = await way(own_url, session_dir)

    async with database_at(url) as database:
        assert await hold_if_moved(database) is True
        platform = PlatformDouble()
        there = World(database, world.tenant_id, world.channel_id, world.campaign_id)
        person.world = there
        receipt = await attempt(sender(database, platform), person.message_1())
        assert (receipt.outcome, receipt.reason, platform.calls) == (ReceiptOutcome.HELD, WORDS, [])
        found = await hold_of(url)
        assert (found.held, found.moved, found.by) == (True, True, "Relance")
        assert found.why is not None
        assert "restored" in found.why

        async with owner_of(url) as connection:
            await allow_sends(connection)
        assert await hold_if_moved(database) is False, "once confirmed, a restart does not hold again"
        assert (await settle(sender(database, platform), person.message_1())).outcome == ReceiptOutcome.SENT
    if url != own_url:
        await on_server(url, f"DROP DATABASE {name_of(url)} WITH (FORCE)")


async def test_a_dump_restored_on_another_server_holds(own_url: str, session_dir: Path) -> None:
    dump = session_dir / f"{uuid4().hex}.dump"
    await tool("pg_dump", own_url, "-Fc", "-f", str(dump), name_of(own_url))
    async with running_postgres(session_dir / "another", fast=True) as url:
        await on_server(url, f"CREATE ROLE {APPLICATION_ROLE} NOLOGIN")
        await tool("pg_restore", url, "--exit-on-error", "--no-owner", "-d", name_of(url), str(dump))
        async with database_at(url) as database:
            assert await hold_if_moved(database) is True


async def test_a_base_backup_promoted_on_a_new_timeline_holds(
    database_url: str, own_url: str, session_dir: Path
) -> None:
    place = session_dir / f"promoted-{uuid4().hex[:8]}"
    user = pgfiles.system_user()
    pgfiles.make_private(place, user)
    await tool("pg_basebackup", own_url, "-D", str(place / "postgres"), "--checkpoint=fast", "--no-sync")
    (place / "postgres" / "standby.signal").touch()
    await asyncio.to_thread(_give_to, place, user)
    async with running_postgres(place, fast=True) as url, engine_of(of_database(url, name_of(own_url))) as engine:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_promote(true)"))
        async with database_at(of_database(url, name_of(own_url))) as database:
            assert await hold_if_moved(database) is True


def _give_to(place: Path, user: str | None) -> None:
    """Makes PostgreSQL's own user the owner, where the test runs as root."""
    if user is None:
        return
    entry = pwd.getpwnam(user)
    for path in (place, *place.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid)


async def test_a_worker_waits_for_its_database_and_finds_the_same_place_after_a_restart(session_dir: Path) -> None:
    place = session_dir / "late"
    async with running_postgres(place, fast=True) as url:
        await upgrade(url)
    async with database_at(url) as database:
        asking = asyncio.create_task(hold_restored_sends(database))
        done, _ = await asyncio.wait({asking}, timeout=0.5)
        assert not done, "without the database nobody knows whether sends are held"
        async with running_postgres(place, fast=True):
            await asyncio.wait_for(asking, 30)
            assert not (await hold_of(url)).held, "a plain restart holds nothing"
            async with owner_of(url) as connection:
                await connection.execute(text("UPDATE installation SET identity = 'another/place'"))
            await hold_restored_sends(database)
            assert (await hold_of(url)).held
