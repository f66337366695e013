"""The connection to PostgreSQL and the transactions that every unit of work runs in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from uuid import UUID

import sqlalchemy.orm
from sqlalchemy import text
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from db.binding import BindingConnection, Connection, driver

APPLICATION_ROLE = "relance_app"
"""The role that the application acts as: it owns nothing, so row-level security binds it."""

_BIND = text("SELECT set_config(:setting, :value, true)")


class _PlainSession(Session):
    """SQLModel discourages `execute` in favour of `exec`, which raw SQL does not fit: SQLAlchemy's own, then."""

    execute = sqlalchemy.orm.Session.execute


class Transaction(AsyncSession):
    """A session that takes models by `exec` and raw SQL by `execute`."""

    sync_session_class = _PlainSession
    execute = sqlalchemy_asyncio.AsyncSession.execute


class Undo(Exception):
    """Ends a quick transaction without effect; it goes no further than the block that opened the transaction."""


class Database:
    """Hands out transactions. Each one is bound to a tenant, or to the one lookup that finds a tenant."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    def connect(cls, url: str, *, pool_size: int = 10) -> "Database":
        """A database at a `postgresql+asyncpg://` address; connections are opened when first needed."""
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            hide_parameters=True,  # an error's text would carry contacts' numbers into the logs
            connect_args={
                "server_settings": {"role": APPLICATION_ROLE, "timezone": "UTC"},
                "timeout": 5,
                "connection_class": BindingConnection,
            },
        )
        return cls(engine)

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[AsyncSession]:
        """A transaction that sees one tenant's rows; it commits at its end and rolls back on an error."""
        async with self._bound("relance.tenant", str(tenant_id)) as session:
            yield session

    @asynccontextmanager
    async def by_api_key(self, key_hash: bytes) -> AsyncIterator[AsyncSession]:
        """A transaction that sees nothing but the API key with this hash."""
        async with self._bound("relance.api_key", key_hash.hex()) as session:
            yield session

    @asynccontextmanager
    async def by_channel(self, channel_id: UUID) -> AsyncIterator[AsyncSession]:
        """A transaction that sees nothing but the channel with this id: what a webhook address names."""
        async with self._bound("relance.channel", str(channel_id)) as session:
            yield session

    @asynccontextmanager
    async def by_email(self, email: str) -> AsyncIterator[AsyncSession]:
        """A transaction that sees nothing but the user with this e-mail address."""
        async with self._bound("relance.email", sha256(email.encode()).hexdigest()) as session:
            yield session

    @asynccontextmanager
    async def by_token(self, token_hash: bytes) -> AsyncIterator[AsyncSession]:
        """A transaction that sees nothing but the session, or the sign-in link, whose token has this hash."""
        async with self._bound("relance.token", token_hash.hex()) as session:
            yield session

    async def bind(self, session: AsyncSession, tenant_id: UUID) -> None:
        """Binds a look-up's transaction to the tenant that it found, so that one transaction serves for both."""
        await session.execute(_BIND, {"setting": "relance.tenant", "value": str(tenant_id)})

    @asynccontextmanager
    async def every_tenant(self) -> AsyncIterator[AsyncSession]:
        """A transaction that sees the list of tenants and none of their rows: what a sweep starts from."""
        async with self._bound("relance.scope", "tenants") as session:
            yield session

    async def ping(self) -> None:
        """One round trip; raises what SQLAlchemy raises when the database is away."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def quick(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """The same transaction as `tenant` gives, on the driver's own connection: for what is done very often.

        Parameters are $1, $2 …; JSON goes in as text; errors are asyncpg's. `Undo` in the block ends it without effect.
        """
        async with self._engine.connect() as pooled:
            connection = await driver(pooled)
            if connection.is_closed():  # the server went away while it lay in the pool
                await pooled.invalidate()
                connection = await driver(pooled)
            connection.bind_next("relance.tenant", str(tenant_id))
            transaction = connection.transaction()
            try:
                await transaction.start()
                yield connection
                await transaction.commit()
            except Undo:
                await transaction.rollback()
            except BaseException:
                await pooled.invalidate()  # nobody knows where it stands; closing it undoes what was done
                raise

    @asynccontextmanager
    async def _bound(self, setting: str, value: str) -> AsyncIterator[AsyncSession]:
        async with Transaction(self._engine, expire_on_commit=False) as session, session.begin():
            (await driver(await session.connection())).bind_next(setting, value)
            yield session


async def driver_of(session: AsyncSession) -> Connection:
    """The driver's connection within the session's transaction. What the session has not flushed, it does not see."""
    return await driver(await session.connection())
