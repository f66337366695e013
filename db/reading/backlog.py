"""What waits in the whole installation, in numbers: tenant by tenant, each behind its own row-level security."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlmodel import select

from db.engine import Database
from db.inbound import UNMATCHED
from db.tables import Tenant

# Each part is answered from a partial index that holds only what is open.
_OF_TENANT = text("""
    SELECT
      (SELECT coalesce(jsonb_agg(jsonb_build_object('state', state, 'number', number, 'seconds', seconds)), '[]')
       FROM (SELECT CASE WHEN problem = :unmatched THEN 'unmatched' ELSE 'waiting' END AS state, count(*) AS number,
                    extract(epoch FROM clock_timestamp() - min(received_at)) AS seconds
             FROM inbound_events WHERE tenant_id = :tenant_id AND processed_at IS NULL GROUP BY 1) e) AS events,
      (SELECT coalesce(jsonb_object_agg(status, number), '{}')
       FROM (SELECT status, count(*) AS number FROM deliveries
             WHERE tenant_id = :tenant_id AND status IN ('held', 'unknown', 'sending') GROUP BY 1) d) AS deliveries,
      (SELECT extract(epoch FROM clock_timestamp() - min(first_asked_at)) FROM deliveries
       WHERE tenant_id = :tenant_id AND status = 'unknown') AS unknown_seconds,
      (SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'id', id, 'platform', platform, 'status', status, 'breaker', breaker ->> 'state')), '[]')
       FROM channels WHERE tenant_id = :tenant_id) AS channels
""")


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One account's state."""

    id: str
    platform: str
    status: str
    breaker: str


@dataclass(slots=True)
class Backlog:
    """What waits. `events` and `oldest_event_seconds` by state: `waiting`, or `unmatched` (a receipt of a message that
    is not known, which may be of somebody else's)."""

    events: Counter[str] = field(default_factory=Counter)
    oldest_event_seconds: dict[str, float] = field(default_factory=dict)
    deliveries: Counter[str] = field(default_factory=Counter)
    oldest_unknown_seconds: float = 0.0
    channels: list[ChannelState] = field(default_factory=list)


async def read_backlog(database: Database) -> Backlog:
    """The figures of all tenants together, read over one connection."""
    async with database.every_tenant() as session:
        tenants = (await session.exec(select(Tenant.id))).all()
    backlog = Backlog()
    if not tenants:
        return backlog
    async with database.tenant(tenants[0]) as session:
        for tenant_id in tenants:
            await database.bind(session, tenant_id)
            named = {"tenant_id": tenant_id, "unmatched": UNMATCHED}
            row = (await session.execute(_OF_TENANT, named)).one()
            _add(backlog, row.events, row.deliveries, row.unknown_seconds, row.channels)
    return backlog


def _add(
    backlog: Backlog,
    events: list[dict[str, str | int | float]],
    deliveries: dict[str, int],
    unknown_seconds: float | None,
    channels: list[dict[str, str | None]],
) -> None:
    for event in events:
        state = str(event["state"])
        backlog.events[state] += int(event["number"])
        backlog.oldest_event_seconds[state] = max(backlog.oldest_event_seconds.get(state, 0.0), float(event["seconds"]))
    backlog.deliveries.update(deliveries)
    backlog.oldest_unknown_seconds = max(backlog.oldest_unknown_seconds, float(unknown_seconds or 0.0))
    backlog.channels += [
        ChannelState(str(row["id"]), str(row["platform"]), str(row["status"]), row["breaker"] or "closed")
        for row in channels
    ]
