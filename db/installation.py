"""The switch that holds every send of the installation until a person confirms them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.away import once_there
from db.engine import Database
from domain.statuses import DeliveryStatus


@dataclass(frozen=True, slots=True)
class SendsHold:
    """Whether sends are held, since when, by whom and why; `moved` when this is another database than was confirmed."""

    held: bool
    at: datetime | None
    by: str | None
    why: str | None
    moved: bool


async def hold_if_moved(database: Database) -> bool:
    """Holds the sends of a database that was restored or copied; returns whether they are held now.

    Asked before the first send of each process: a plain restart finds the same database and changes nothing.
    """
    async with database.every_tenant() as session:
        return bool((await session.execute(text("SELECT hold_sends_if_moved()"))).scalar_one())


async def hold_once_there(database: Database, tell_away: Callable[[], None]) -> bool:
    """The same as soon as the database answers, however long it is away; `tell_away` is called once if it is."""
    return await once_there(lambda: hold_if_moved(database), tell_away)


async def read_hold(connection: AsyncConnection) -> SendsHold:
    """How the switch stands."""
    row = (
        await connection.execute(
            text("""
                SELECT sends_held, held_at, held_by, held_why, identity <> relance_identity() AS moved
                FROM installation
            """)
        )
    ).one()
    return SendsHold(row.sends_held, row.held_at, row.held_by, row.held_why, row.moved)


async def hold_sends(connection: AsyncConnection, by: str, why: str) -> None:
    """Holds every send from the commit on; the connection is the schema owner's. One that is held keeps its reason."""
    await connection.execute(
        text("""
            UPDATE installation SET sends_held = true, held_at = clock_timestamp(), held_by = :by, held_why = :why
            WHERE NOT sends_held
        """),
        {"by": by, "why": why},
    )


async def allow_sends(connection: AsyncConnection) -> None:
    """Ends the hold and takes this database for the right one; the connection is the schema owner's."""
    await connection.execute(
        text("""
            UPDATE installation
            SET sends_held = false, held_at = NULL, held_by = NULL, held_why = NULL, identity = relance_identity()
        """)
    )


async def channels_that_wait(database: Database) -> list[tuple[UUID, UUID]]:
    """Tenant and id of every channel with work that a release lets go on."""
    async with database.every_tenant() as session:
        tenants = list((await session.execute(text("SELECT id FROM tenants ORDER BY id"))).scalars())
    waiting = text("""
        SELECT DISTINCT channel_id FROM deliveries WHERE tenant_id = :tenant AND status IN (:held, :unknown)
    """)
    found: list[tuple[UUID, UUID]] = []
    for tenant in tenants:
        named = {"tenant": tenant, "held": DeliveryStatus.HELD, "unknown": DeliveryStatus.UNKNOWN}
        async with database.tenant(tenant) as session:
            found += [(tenant, channel) for channel in (await session.execute(waiting, named)).scalars()]
    return found
