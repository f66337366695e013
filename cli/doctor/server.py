"""Checks of how the database server is set up: rights, durability, connections."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.doctor.findings import Finding, fine, wrong
from db.engine import APPLICATION_ROLE

PROCESSES = 2
"""One worker and one API process at the least, each with a pool of its own."""


async def check_rights(connection: AsyncConnection) -> Finding:
    """The application's role may read every table and write every one that has a tenant."""
    query = text("""
        SELECT c.relname FROM pg_class c
        JOIN pg_roles r ON r.rolname = :role
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
          AND NOT (has_table_privilege(r.oid, c.oid, 'SELECT')
                   AND (a.attname IS NULL OR has_table_privilege(r.oid, c.oid, 'INSERT')))
        ORDER BY 1
    """)
    closed = list((await connection.execute(query, {"role": APPLICATION_ROLE})).scalars())
    if closed:
        advice = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(closed)} TO {APPLICATION_ROLE}"
        why = "what needs those tables fails"
        return wrong("rights", f"{APPLICATION_ROLE} may not use {', '.join(closed)}", advice, why=why)
    return fine("rights", f"{APPLICATION_ROLE} may use every table")


async def check_durability(connection: AsyncConnection) -> Finding:
    """What was committed survives a crash of the machine."""
    off = []
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        if (await connection.execute(text(f"SHOW {setting}"))).scalar_one() == "off":
            off.append(setting)
    if off:
        why = "after a power cut the ledger forgets messages that went out, and they go out again"
        return wrong("durability", f"{', '.join(off)} off", f"set {' and '.join(off)} to on, then restart it", why=why)
    return fine("durability", "what is committed is on disk")


async def check_connections(connection: AsyncConnection, pool_size: int) -> Finding:
    """The pools of a worker and an API process fit into what the server grants."""
    query = text("""
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most,
               (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database,
               (SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user) AS login,
               (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used
    """)
    row = (await connection.execute(query)).one()
    granted = min(limit for limit in (row.most, row.database, row.login) if limit >= 0)
    needed = PROCESSES * pool_size
    words = f"{needed} wanted by {PROCESSES} processes, {granted} granted, {row.used} in use"
    if needed > granted:
        advice = (
            "lower RELANCE_DATABASE_POOL_SIZE, or raise max_connections (or the limit of the database or the login)"
        )
        why = "processes fail for want of a connection when they are busiest"
        return wrong("connections", words, advice, why=why)
    return fine("connections", words)
