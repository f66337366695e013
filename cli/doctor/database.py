"""Checks of the database: reachable, migrated, and closed between tenants."""

import time
from collections.abc import AsyncIterator

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from cli.doctor.findings import Finding, fine, wrong
from cli.doctor.server import check_connections, check_durability, check_rights
from cli.stack.programs import ROOT
from db.engine import APPLICATION_ROLE

OLDEST_VERSION = 15
CLOCK_SECONDS = 2.0
CONNECT_SECONDS = 5
ROLE_MATTERS = "API and worker act as it in every transaction, and it keeps tenants apart"
READ_ONLY = {"default_transaction_read_only": "on", "statement_timeout": "10000"}
"""The doctor changes nothing: the database itself sees to that."""


async def check_database(url: str, pool_size: int = 10) -> AsyncIterator[Finding]:
    """Look at the database behind a SQLAlchemy URL; the first thing that is missing hides what depends on it."""
    options = {"timeout": CONNECT_SECONDS, "server_settings": READ_ONLY}
    engine = create_async_engine(url, poolclass=NullPool, connect_args=options)
    try:
        async with engine.connect() as connection:
            for check in (_version, _clock, _role, _migrated, _closed, check_rights, check_durability):
                yield await check(connection)
            yield await check_connections(connection, pool_size)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[:1] or [type(error).__name__]
        advice = "start it, or correct RELANCE_DATABASE_URL"
        yield wrong(
            "database",
            f"does not answer as it should: {reason[0]}",
            advice,
            why="nothing can be claimed, sent or recorded",
        )
    finally:
        await engine.dispose()


async def _version(connection: AsyncConnection) -> Finding:
    number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one()) // 10_000
    if number < OLDEST_VERSION:
        why = "statements and the application's role need a newer one"
        return wrong("database", f"PostgreSQL {number}", f"upgrade it to {OLDEST_VERSION} or later", why=why)
    return fine("database", f"PostgreSQL {number} answers")


async def _clock(connection: AsyncConnection) -> Finding:
    before = time.time()
    there = float((await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one())
    skew = there - (before + time.time()) / 2
    if abs(skew) > CLOCK_SECONDS:
        words = f"the database's clock is {skew:+.1f} s off this machine's"
        why = "reply windows and claims are measured with both clocks"
        return wrong("clock", words, "let both machines keep time (NTP)", why=why)
    return fine("clock", f"within {CLOCK_SECONDS:.0f} s of the database's")


async def _migrated(connection: AsyncConnection) -> Finding:
    newest = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    known = (await connection.execute(text("SELECT to_regclass('public.alembic_version')"))).scalar_one()
    here = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() if known else None
    if here != newest:
        advice = "run `python -m migrations` (`make up` does it by itself)"
        words = f"is at {here or 'nothing'}, this version needs {newest}"
        return wrong("schema", words, advice, why="code and tables do not fit each other")
    return fine("schema", f"at {newest}")


async def _role(connection: AsyncConnection) -> Finding:
    query = text(
        "SELECT rolsuper OR rolbypassrls AS strong, pg_has_role(current_user, oid, 'MEMBER') AS ours, "
        "EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns FROM pg_roles r WHERE rolname = :role"
    )
    row = (await connection.execute(query, {"role": APPLICATION_ROLE})).one_or_none()
    advice = "run `python -m migrations` as the owner of the database"
    if row is None:
        return wrong("application role", f"{APPLICATION_ROLE} does not exist", advice, why=ROLE_MATTERS)
    if row.strong or row.owns:
        fix = f"ALTER ROLE {APPLICATION_ROLE} NOSUPERUSER NOBYPASSRLS, and let it own nothing"
        return wrong(
            "application role", f"{APPLICATION_ROLE} is not bound by row-level security", fix, why=ROLE_MATTERS
        )
    if not row.ours:
        return wrong("application role", f"this login may not become {APPLICATION_ROLE}", advice, why=ROLE_MATTERS)
    return fine("application role", f"{APPLICATION_ROLE} owns nothing and is bound by row-level security")


async def _closed(connection: AsyncConnection) -> Finding:
    query = text(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace "
        "AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
    )
    open_tables = list((await connection.execute(query)).scalars())
    if open_tables:
        words = f"row-level security is not forced on {', '.join(open_tables)}"
        advice = "ALTER TABLE … ENABLE ROW LEVEL SECURITY, and FORCE ROW LEVEL SECURITY"
        return wrong("tenants apart", words, advice, why="one tenant could see another's contacts and texts")
    return fine("tenants apart", "row-level security is forced on every table with a tenant")
