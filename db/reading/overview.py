"""What the pages show of campaigns beside their counts: many at once, and what one of them is doing now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.progress import Progress, read_counts
from db.tables import Campaign, Channel
from domain.statuses import CampaignStatus

EVENTS_SHOWN = 10


async def read_overview(session: AsyncSession, campaigns: Sequence[Campaign]) -> list[tuple[Progress, str]]:
    """Each campaign's progress with the name of its channel; the counts of all of them are one statement."""
    counts = await read_counts(session, [campaign.id for campaign in campaigns])
    channels = await _channels(session, [campaign.channel_id for campaign in campaigns])
    shown = []
    for campaign in campaigns:
        name, rate, running = channels[campaign.channel_id]
        others = running - (campaign.status == CampaignStatus.RUNNING)
        progress = Progress(campaign, counts[campaign.id], rate, others, last_contact_id=None)
        shown.append((progress, name))
    return shown


async def _channels(session: AsyncSession, channel_ids: list[UUID]) -> dict[UUID, tuple[str, float, int]]:
    """Name, rate and number of running campaigns of each channel."""
    running = (
        select(func.count())
        .where(col(Campaign.channel_id) == Channel.id, col(Campaign.status) == CampaignStatus.RUNNING)
        .scalar_subquery()
    )
    query = select(Channel.id, Channel.name, Channel.rate_per_second, running).where(col(Channel.id).in_(channel_ids))
    return {channel_id: (name, rate, count) for channel_id, name, rate, count in await session.exec(query)}


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


_DOINGS = text("""
    SELECT (SELECT name FROM channels WHERE id = c.channel_id) AS channel_name,
           (SELECT count(*) FROM enrollments
            WHERE campaign_id = c.id AND message_1_at > now() - interval '1 minute') AS sent_last_minute
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
