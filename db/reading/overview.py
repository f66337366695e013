"""What the pages show of campaigns beside their counts: many at once, and what one of them is doing now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.progress import Progress, read_counts, read_left_in
from db.tables import Campaign, Channel, Tenant
from domain.statuses import CampaignStatus

EVENTS_SHOWN = 10


async def read_overview(session: AsyncSession, campaigns: Sequence[Campaign]) -> list[tuple[Progress, str]]:
    """Each campaign's progress with the name of its channel; the counts of all of them are one statement."""
    counts = await read_counts(session, [campaign.id for campaign in campaigns])
    channels = await _channels(session, [campaign.channel_id for campaign in campaigns])
    shown = []
    for campaign in campaigns:
        channel = channels[campaign.channel_id]
        own = counts[campaign.id]
        progress = Progress(
            campaign,
            own,
            channel.rate_per_second,
            channel.running - (campaign.status == CampaignStatus.RUNNING),
            last_contact_id=None,
            at=datetime.now(UTC),
            left_in=await read_left_in(session, campaign, channel.send_window, channel.time_zone, own.left),
        )
        shown.append((progress, channel.name))
    return shown


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the progress of a channel's campaigns needs to know of it; `time_zone` is the tenant's."""

    name: str
    rate_per_second: float
    send_window: dict[str, Any] | None
    time_zone: str
    running: int


async def _channels(session: AsyncSession, channel_ids: list[UUID]) -> dict[UUID, _Beside]:
    """The channels, each with the number of its running campaigns."""
    running = (
        select(func.count())
        .where(col(Campaign.channel_id) == Channel.id, col(Campaign.status) == CampaignStatus.RUNNING)
        .scalar_subquery()
    )
    query = (
        select(Channel, Tenant.time_zone, running)
        .join(Tenant, col(Tenant.id) == Channel.tenant_id)
        .where(col(Channel.id).in_(channel_ids))
    )
    return {
        channel.id: _Beside(channel.name, channel.rate_per_second, channel.send_window, time_zone, count)
        for channel, time_zone, count in await session.exec(query)
    }


@dataclass(frozen=True, slots=True)
class LastEvent:
    """A line of the action log, and whom it was about."""

    at: datetime
    action: str
    status: str
    reason: str | None
    contact_id: UUID
    phone: str


@dataclass(frozen=True, slots=True)
class HeldFor:
    """How many messages wait for the same reason; `until` is when the first of them may go, None for a release."""

    reason: str | None
    limit: str | None
    count: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Doings:
    """What a campaign is doing: its channel's name, messages of the last minute, last events, what is held and why."""

    channel_name: str
    sent_last_minute: int
    events: tuple[LastEvent, ...]
    holds: tuple[HeldFor, ...]


# By indexes that there are: Message 2 by when the platform was first asked to send it. One that it takes only ten
# minutes later, as after an outage, is left out, so that a busy campaign is not read far back at every look.
_DOINGS = text("""
    SELECT (SELECT name FROM channels WHERE id = c.channel_id) AS channel_name,
           (SELECT count(*) FROM enrollments
            WHERE campaign_id = c.id AND message_1_at > now() - interval '1 minute')
         + (SELECT count(*) FROM deliveries
            WHERE campaign_id = c.id AND kind = 'message_2' AND first_asked_at > now() - interval '10 minutes'
              AND sent_at > now() - interval '1 minute') AS sent_last_minute
    FROM campaigns c WHERE c.id = :campaign_id
""")
_EVENTS = text("""
    SELECT l.executed_at AS at, l.action, l.status, l.reason, l.contact_id, p.phone
    FROM action_log l JOIN contacts p ON p.tenant_id = l.tenant_id AND p.id = l.contact_id
    WHERE l.campaign_id = :campaign_id ORDER BY l.id DESC LIMIT :limit
""")
_HOLDS = text("""
    SELECT reason, limit_name AS limit, count(*) AS count, min(hold_until) AS until
    FROM deliveries WHERE status = 'held' AND campaign_id = :campaign_id
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
""")


async def read_doings(session: AsyncSession, campaign_id: UUID) -> Doings | None:
    """What the campaign is doing, or None when the tenant has no such campaign."""
    asked = {"campaign_id": campaign_id}
    row = (await session.execute(_DOINGS, asked)).one_or_none()
    if row is None:
        return None
    events = await session.execute(_EVENTS, {**asked, "limit": EVENTS_SHOWN})
    holds = await session.execute(_HOLDS, asked)
    return Doings(
        channel_name=row.channel_name,
        sent_last_minute=row.sent_last_minute,
        events=tuple(LastEvent(*event) for event in events),
        holds=tuple(HeldFor(*held) for held in holds),
    )
