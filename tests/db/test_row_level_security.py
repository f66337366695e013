"""Tenants are kept apart by the database itself, on every table (SPEC TEN-1)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import Column, Table, func, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db import tables
from db.engine import APPLICATION_ROLE, Database

OF_NO_TENANT = {"installation", "sign_in_attempts"}
TABLES: dict[str, Table] = {name: table for name, table in SQLModel.metadata.tables.items() if name not in OF_NO_TENANT}
APPEND_ONLY = {"action_log"}


class Rows:
    """One row of a tenant in every table."""

    def __init__(self) -> None:
        self.tenant_id = uuid4()
        own: dict[str, Any] = {"tenant_id": self.tenant_id}
        channel = tables.Channel(**own, platform="wassenger", name="A", credentials=b"x", webhook_secret=b"y")
        contact = tables.Contact(**own, phone=f"+3361{uuid4().int % 10**7:07d}")
        campaign = tables.Campaign(
            **own,
            channel_id=channel.id,
            name="A",
            message_1="1",
            message_2="2",
            reply_window_seconds=1,
            delay_seconds=1,
        )
        ours = {**own, "channel_id": channel.id, "contact_id": contact.id}
        both = {**own, "campaign_id": campaign.id, "contact_id": contact.id}
        delivery = tables.Delivery(**ours, kind="test", idempotency_key=str(uuid4()))
        message = tables.Message(**ours, direction="in", body="hello", status="received")
        upload = tables.Import(**own, campaign_id=campaign.id)
        self.key_hash = hashlib.sha256(uuid4().bytes).digest()
        self.token_hash = hashlib.sha256(uuid4().bytes).digest()
        self.channel_id: UUID = channel.id
        self.email = f"{uuid4().hex}@example.com"
        user = tables.User(**own, email=self.email, name="U", role="viewer")
        rows: list[SQLModel] = [
            tables.Tenant(id=self.tenant_id, name="A"),
            tables.ApiKey(**own, name="k", prefix="p", key_hash=self.key_hash, scopes=[]),
            tables.IdempotentAnswer(**own, key="k", request_hash="h"),
            channel,
            contact,
            tables.Suppression(**own, phone="+33611111111", source="api"),
            campaign,
            tables.ChannelUsage(**own, channel_id=channel.id, action="message", day=date(2026, 1, 1)),
            tables.InboundEvent(**own, channel_id=channel.id, dedupe_key="d", event_name="e", raw=b"{}"),
            delivery,
            tables.Enrollment(**both, channel_id=channel.id),
            tables.CampaignSample(**own, campaign_id=campaign.id, status="running", delay_seconds=1),
            upload,
            tables.ImportProblem(**own, import_id=upload.id, row=1, field="phone", message="bad"),
            tables.ActionLogLine(**own, delivery_id=delivery.id, contact_id=contact.id, action="test", status="sent"),
            message,
            tables.Interaction(**both, message_id=message.id, counted=True),
            user,
            tables.UserSession(**own, user_id=user.id, token_hash=self.token_hash, csrf_token="c"),
            tables.SignInLink(**own, user_id=user.id, token_hash=self.token_hash),
        ]
        self.by_table = {str(row.__tablename__): row for row in rows}

    async def keep(self, database: Database) -> None:
        """Writes them, each after those that it points to."""
        async with database.tenant(self.tenant_id) as session:
            for row in self.by_table.values():
                session.add(row)
                await session.flush()


@pytest_asyncio.fixture(scope="module")
async def owner(database: Database) -> Rows:
    """A tenant that has something in every table."""
    rows = Rows()
    await rows.keep(database)
    return rows


@pytest_asyncio.fixture(scope="module")
async def stranger(database: Database) -> UUID:
    """Another tenant, with nothing but itself."""
    tenant = tables.Tenant(name="B")
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
    return tenant.id


@pytest_asyncio.fixture
async def narrow(database_url: str) -> AsyncIterator[Database]:
    """A database of one connection, so that every transaction uses the one before it used."""
    database = Database.connect(database_url, pool_size=1)
    yield database
    await database.close()


def tenant_column(table: str) -> Column[UUID]:
    """The column that names a row's tenant."""
    return TABLES[table].columns["id" if table == "tenants" else "tenant_id"]


async def visible(session: AsyncSession, table: str) -> int:
    """How many rows of a table a transaction sees."""
    return int((await session.execute(select(func.count()).select_from(TABLES[table]))).scalar_one())


def test_every_table_has_a_row_to_be_hidden() -> None:
    assert set(Rows().by_table) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
async def test_row_level_security_is_enabled_forced_and_has_a_policy(database_url: str, table: str) -> None:
    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        named = {"table": table, "role": APPLICATION_ROLE}
        row = (
            await connection.execute(
                text("""
                    SELECT c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) <> :role AS not_owner,
                           EXISTS (SELECT FROM pg_policies p WHERE p.tablename = :table AND p.policyname = 'own_rows'
                                   AND p.cmd = 'ALL' AND p.qual IS NOT NULL AND p.with_check IS NOT NULL) AS policy
                    FROM pg_class c WHERE c.oid = CAST(:table AS regclass)
                """),
                named,
            )
        ).one()
    await engine.dispose()
    assert tuple(row) == (True, True, True, True)


async def test_no_table_of_the_schema_is_left_out(database_url: str) -> None:
    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        open_ones = await connection.execute(
            text("""
                SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')
                AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1
            """)
        )
        reachable = await connection.execute(
            text("SELECT has_table_privilege(:role, 'alembic_version', 'SELECT')"), {"role": APPLICATION_ROLE}
        )
        assert list(open_ones.scalars()) == ["alembic_version", *sorted(OF_NO_TENANT)]
        assert reachable.scalar_one() is False
    await engine.dispose()


async def test_the_application_acts_as_a_role_without_any_power(database: Database, stranger: UUID) -> None:
    async with database.tenant(stranger) as session:
        role = (
            await session.execute(
                text("SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin FROM pg_roles "
                     "WHERE rolname = current_user")
            )
        ).one()  # fmt: skip
    assert tuple(role) == (APPLICATION_ROLE, False, False, False, False, False)


@pytest.mark.parametrize("table", TABLES)
async def test_another_tenant_sees_changes_and_deletes_nothing(
    database: Database, owner: Rows, stranger: UUID, table: str
) -> None:
    rows = TABLES[table]
    theirs = tenant_column(table) == owner.tenant_id
    async with database.tenant(stranger) as session:
        seen = await session.execute(select(func.count()).select_from(rows).where(theirs))
        assert seen.scalar_one() == 0
    if table in APPEND_ONLY:
        return
    for statement in (rows.update().values({tenant_column(table): stranger}), rows.delete()):
        async with database.tenant(stranger) as session:
            touched = await session.execute(statement.where(theirs).returning(tenant_column(table)))
            assert touched.all() == []
    async with database.tenant(owner.tenant_id) as session:
        assert await visible(session, table) >= 1


@pytest.mark.parametrize("table", TABLES)
async def test_another_tenant_inserts_nothing_in_the_owners_name(
    database: Database, owner: Rows, stranger: UUID, table: str
) -> None:
    row = owner.by_table[table]
    columns = [column for column in TABLES[table].columns if getattr(row, column.key) is not None]
    typed = TABLES[table].insert().values(**{column.key: getattr(row, column.key) for column in columns})
    async with database.tenant(stranger) as session:
        with pytest.raises(DBAPIError, match="row-level security"):
            await session.execute(typed)
        await session.rollback()


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_tenant_nothing_is_visible(narrow: Database, owner: Rows, table: str) -> None:
    async with narrow.by_api_key(b"nobody has this") as session:
        await session.execute(text("SELECT set_config('relance.api_key', '', true)"))
        assert await visible(session, table) == 0


async def test_the_setting_ends_with_its_transaction_also_on_a_pooled_connection(narrow: Database, owner: Rows) -> None:
    settings = text("""
        SELECT pg_backend_pid() AS pid, coalesce(current_setting('relance.tenant', true), '') AS tenant,
               coalesce(current_setting('relance.channel', true), '') AS channel,
               coalesce(current_setting('relance.api_key', true), '') AS api_key,
               coalesce(current_setting('relance.scope', true), '') AS scope
    """)
    async with narrow.tenant(owner.tenant_id) as session:
        first = (await session.execute(settings)).one()
    with pytest.raises(ZeroDivisionError):
        async with narrow.by_channel(owner.channel_id) as session:
            raise ZeroDivisionError
    async with narrow.every_tenant() as session:
        second = (await session.execute(settings)).one()

    assert first.pid == second.pid
    assert (first.tenant, first.channel, first.api_key, first.scope) == (str(owner.tenant_id), "", "", "")
    assert (second.tenant, second.channel, second.api_key, second.scope) == ("", "", "", "tenants")


async def test_a_cancelled_transaction_leaves_no_tenant_behind(narrow: Database, owner: Rows) -> None:
    async def sleep_in_the_database() -> None:
        async with narrow.tenant(owner.tenant_id) as session:
            await session.execute(text("SELECT pg_sleep(30)"))

    for _ in range(5):
        sleeping = asyncio.create_task(sleep_in_the_database())
        await asyncio.sleep(0.05)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        async with narrow.by_api_key(b"nobody has this") as session:
            tenant = await session.execute(text("SELECT coalesce(current_setting('relance.tenant', true), '')"))
            assert tenant.scalar_one() == ""


async def test_the_look_up_of_a_key_opens_that_key_only(database: Database, owner: Rows) -> None:
    async with database.by_api_key(owner.key_hash) as session:
        assert [key.key_hash for key in await session.exec(select(tables.ApiKey))] == [owner.key_hash]
        await _nothing_else(session, {"api_keys"})
        await _cannot_change(session, "api_keys")


async def test_the_look_up_of_an_address_opens_that_channel_only(database: Database, owner: Rows) -> None:
    async with database.by_channel(owner.channel_id) as session:
        assert [channel.id for channel in await session.exec(select(tables.Channel))] == [owner.channel_id]
        await _nothing_else(session, {"channels"})
        await _cannot_change(session, "channels")


async def test_the_look_up_of_a_person_opens_that_person_only(database: Database, owner: Rows) -> None:
    email = owner.email
    async with database.by_email(email) as session:
        assert [user.email for user in await session.exec(select(tables.User))] == [email]
        await _nothing_else(session, {"users"})
        await _cannot_change(session, "users")


async def test_the_look_up_of_a_token_opens_that_session_and_that_link_only(database: Database, owner: Rows) -> None:
    async with database.by_token(owner.token_hash) as session:
        assert [one.token_hash for one in await session.exec(select(tables.UserSession))] == [owner.token_hash]
        assert [one.token_hash for one in await session.exec(select(tables.SignInLink))] == [owner.token_hash]
        await _nothing_else(session, {"user_sessions", "sign_in_links"})
        await _cannot_change(session, "user_sessions")
        await _cannot_change(session, "sign_in_links")


async def test_the_list_of_tenants_opens_none_of_their_rows(database: Database, owner: Rows, stranger: UUID) -> None:
    async with database.every_tenant() as session:
        found = {tenant.id for tenant in await session.exec(select(tables.Tenant))}
        assert {owner.tenant_id, stranger} <= found
        await _nothing_else(session, {"tenants"})
        await _cannot_change(session, "tenants")


async def _nothing_else(session: AsyncSession, opened: set[str]) -> None:
    for table in set(TABLES) - opened:
        assert await visible(session, table) == 0, table


async def _cannot_change(session: AsyncSession, table: str) -> None:
    column = tenant_column(table)
    touched = await session.execute(TABLES[table].update().values({column: column}).returning(column))
    assert touched.all() == []


@pytest.mark.parametrize(
    "statement", ["UPDATE action_log SET status = 'sent'", "DELETE FROM action_log", "TRUNCATE action_log"]
)
async def test_the_action_log_can_only_grow(database: Database, owner: Rows, statement: str) -> None:
    async with database.tenant(owner.tenant_id) as session:
        with pytest.raises(DBAPIError, match="permission denied"):
            await session.execute(text(statement))
        await session.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE installation SET sends_held = false",
        "DELETE FROM installation",
        "INSERT INTO installation (id, identity) VALUES (2, '')",
        "TRUNCATE installation",
    ],
)
async def test_the_application_reads_the_hold_on_sends_and_cannot_end_it(
    database: Database, owner: Rows, statement: str
) -> None:
    async with database.tenant(owner.tenant_id) as session:
        held = await session.execute(text("SELECT sends_held FROM installation"))
        assert held.scalar_one() is False
        with pytest.raises(DBAPIError, match="permission denied"):
            await session.execute(text(statement))
        await session.rollback()


async def test_a_row_cannot_point_into_another_tenants_rows(database: Database, owner: Rows, stranger: UUID) -> None:
    contact = owner.by_table["contacts"]
    assert isinstance(contact, tables.Contact)
    message = tables.Message(
        tenant_id=stranger, channel_id=owner.channel_id, contact_id=contact.id, direction="in", body="",
        status="received", occurred_at=datetime.now(UTC),
    )  # fmt: skip
    async with database.tenant(stranger) as session:
        session.add(message)
        with pytest.raises(DBAPIError, match="foreign key"):
            await session.flush()
        await session.rollback()
