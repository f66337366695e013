"""Checks of what lies in the database: held sends, unreadable keys, and work that waits for longer than it should."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from cli.doctor.database import CONNECT_SECONDS, READ_ONLY
from cli.doctor.findings import Finding, fine, wrong
from db.binding import BindingConnection
from db.engine import APPLICATION_ROLE, Database
from db.inbound import UNMATCHED
from db.rotation import unreadable_channels
from db.secrets import SecretBox
from settings import Settings, fernet_keys

UNKNOWN_MINUTES, UNPROCESSED_MINUTES = 15, 5


@dataclass
class Waiting:
    """What was found over all tenants, by channel name or as a number."""

    zones: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    breakers: list[str] = field(default_factory=list)
    unknown: int = 0
    unprocessed: int = 0


def reading_database(url: str) -> Database:
    """The database as the application's role sees it, able to read alone."""
    server_settings = {**READ_ONLY, "role": APPLICATION_ROLE, "timezone": "UTC"}
    options = {
        "timeout": CONNECT_SECONDS,
        "server_settings": server_settings,
        "connection_class": BindingConnection,
    }
    return Database(create_async_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options))


async def check_work(database: Database, settings: Settings) -> AsyncIterator[Finding]:
    """Look through every tenant's rows; texts, names and numbers are not read."""
    yield await _sends(database)
    yield await _keys(database, settings)
    found = Waiting()
    for tenant in await tenants(database):
        async with database.tenant(tenant) as session:
            for look in LOOKS:
                await look(session, found)
    for finding in _verdicts(found):
        yield finding


async def tenants(database: Database) -> list[UUID]:
    """Every tenant's id."""
    async with database.every_tenant() as session:
        return list((await session.execute(text("SELECT id FROM tenants ORDER BY id"))).scalars())


async def _sends(database: Database) -> Finding:
    query = text("SELECT sends_held, held_by, held_why, identity <> relance_identity() AS moved FROM installation")
    async with database.every_tenant() as session:
        row = (await session.execute(query)).one_or_none()
    name, why = "sends", "nothing reaches a platform while they are held"
    advice = "compare with the platform what went out (docs/runbook.md), then `relance sends confirm`"
    if row is None:
        return wrong(name, "held: the row of the table installation is gone", advice, why=why)
    if row.sends_held:
        return wrong(name, f"held by {row.held_by}: {row.held_why}", advice, why=why)
    if row.moved:
        return wrong(
            name, "this database was restored, promoted or moved", advice, why="the next start holds all sends"
        )
    return fine(name, "allowed")


async def _keys(database: Database, settings: Settings) -> Finding:
    name = "stored credentials"
    if settings.secret_keys is None and not (settings.data_dir / "secret.key").exists():
        return fine(name, "not tried: no key here")
    lost = await unreadable_channels(database, SecretBox(fernet_keys(settings)))
    if lost:
        words = f"those of {len(lost)} channel{'s' if len(lost) > 1 else ''} open with no key in force ({_few(lost)})"
        advice = "add the key they were written with to RELANCE_SECRET_KEYS, or `relance channel reconnect` each"
        return wrong(name, words, advice, why="these channels cannot send, and their webhooks are refused")
    return fine(name, "open with the keys in force")


async def _zones(session: AsyncSession, found: Waiting) -> None:
    query = text("""
        SELECT time_zone FROM tenants
        UNION SELECT send_window ->> 'time_zone' FROM channels WHERE send_window ->> 'time_zone' IS NOT NULL
    """)
    for zone in (await session.execute(query)).scalars():
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            found.zones.append(zone)


async def _channels(session: AsyncSession, found: Waiting) -> None:
    query = text("SELECT id, status, breaker ->> 'state' AS breaker FROM channels ORDER BY id")
    for row in await session.execute(query):
        if row.status in ("credentials_expired", "blocked"):
            found.parked.append(str(row.id))
        if row.breaker in ("open", "half_open"):
            found.breakers.append(str(row.id))


async def _unknown(session: AsyncSession, found: Waiting) -> None:
    query = text("""
        SELECT count(*) FROM deliveries
        WHERE status = 'unknown' AND coalesce(first_asked_at, created_at) < now() - make_interval(mins => :minutes)
    """)  # by the first try, since each round of asking the platform writes `updated_at`
    found.unknown += int((await session.execute(query, {"minutes": UNKNOWN_MINUTES})).scalar_one())


async def _unprocessed(session: AsyncSession, found: Waiting) -> None:
    """Without receipts of messages that are not known: usually typed on the phone, they are dropped after a while."""
    query = text("""
        SELECT count(*) FROM inbound_events
        WHERE processed_at IS NULL AND problem IS DISTINCT FROM :unmatched
          AND received_at < now() - make_interval(mins => :minutes)
    """)
    named = {"minutes": UNPROCESSED_MINUTES, "unmatched": UNMATCHED}
    found.unprocessed += int((await session.execute(query, named)).scalar_one())


Look = Callable[[AsyncSession, Waiting], Awaitable[None]]
LOOKS: tuple[Look, ...] = (_zones, _channels, _unknown, _unprocessed)


def _verdicts(found: Waiting) -> Iterator[Finding]:
    if found.zones:
        words, why = f"unknown: {_few(found.zones)}", "no send of that tenant or channel passes the gate"
        yield wrong("tenants' time zones", words, "correct it, or install the package tzdata anew", why=why)
    else:
        yield fine("tenants' time zones", "known")
    if found.parked:
        why = "their messages are parked"
        yield wrong("parked channels", _few(found.parked), "`relance channel show`, then `… reconnect` each", why=why)
    else:
        yield fine("parked channels", "none")
    if found.breakers:
        why = "after many failures their messages wait for a probe to succeed"
        yield wrong(
            "failing platforms",
            f"breaker open on {_few(found.breakers)}",
            "ask the platform; it heals by itself",
            why=why,
        )
    else:
        yield fine("failing platforms", "no breaker is open")
    if found.unknown:
        words = f"{found.unknown} for over {UNKNOWN_MINUTES} minutes"
        advice = "GET /api/deliveries?status=unknown, look each up at the platform, then resolve it"
        yield wrong("unknown deliveries", words, advice, why="nobody knows whether they went out; none is sent again")
    else:
        yield fine("unknown deliveries", "none waits")
    if found.unprocessed:
        words = f"{found.unprocessed} for over {UNPROCESSED_MINUTES} minutes"
        advice = "see that a worker runs and the schedule sweep/inbound is not paused; then read their `problem`"
        yield wrong("unprocessed webhooks", words, advice, why="replies or opt-outs among them have no effect yet")
    else:
        yield fine("unprocessed webhooks", "none waits")


def _few(things: "list[str] | list[UUID]", most: int = 3) -> str:
    shown = ", ".join(str(thing) for thing in things[:most])
    return shown if len(things) <= most else f"{shown} and {len(things) - most} more"
