"""How far a campaign is, read at one instant."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Subquery, cast, func, select, text
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.campaigns import find_campaign
from db.reading.enrollments import EnrollmentFilter, counted_as
from db.tables import Campaign, Enrollment
from domain.campaign_window import CampaignWindow, Hours
from domain.eta import eta_seconds
from domain.open_time import Windows, open_share, opening, time_needed
from domain.pacing import Pacing
from domain.progress import Counts
from domain.statuses import CampaignStatus
from domain.window import SendWindow

_BESIDE = text("""
    SELECT ch.rate_per_second, ch.send_window AS channel_window, t.time_zone,
           (SELECT count(*) FROM campaigns o
            WHERE o.tenant_id = c.tenant_id AND o.channel_id = c.channel_id AND o.status = 'running' AND o.id <> c.id
           ) AS others,
           (SELECT contact_id FROM enrollments e WHERE e.campaign_id = c.id AND e.message_1_at IS NOT NULL
            ORDER BY e.message_1_at DESC LIMIT 1) AS last_contact_id
    FROM campaigns c JOIN channels ch ON ch.tenant_id = c.tenant_id AND ch.id = c.channel_id
    JOIN tenants t ON t.id = c.tenant_id WHERE c.id = :campaign_id
""")
_LEFT_BY_PREFIX = text("""
    SELECT coalesce(dial_prefix, ''), count(*) FROM enrollments
    WHERE campaign_id = :campaign_id AND status IN ('pending', 'sending') GROUP BY 1
""")


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign and how far it is. `others` are the running campaigns that share its channel's rate.

    `left_in` counts the contacts that are left by the send windows in which they can be written to.
    """

    campaign: Campaign
    counts: Counts
    rate_per_second: float
    others: int
    last_contact_id: UUID | None
    at: datetime
    left_in: Mapping[Windows, int]

    @property
    def is_over(self) -> bool:
        """Nothing goes out any more."""
        return self.campaign.status in (CampaignStatus.COMPLETED, CampaignStatus.CANCELLED)

    @property
    def first_at(self) -> datetime:
        """When the next message can go out, but for windows: now, or at the start that is planned."""
        start_at = self.campaign.start_at
        waits = self.campaign.status in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED)
        return max(self.at, start_at) if waits and start_at is not None else self.at

    @property
    def opens_at(self) -> datetime | None:
        """When the first of those who are left can be written to; None when one can be now."""
        openings = [opening(self.first_at, windows) for windows in self.left_in]
        return None if None in openings else min((at for at in openings if at is not None), default=None)

    @property
    def open_share(self) -> float:
        """The part of the coming week in which those who are left can be written to, 0 to 1."""
        left = sum(self.left_in.values())
        shares = (open_share(self.first_at, windows) * count for windows, count in self.left_in.items())
        return sum(shares) / left if left else 1.0

    @property
    def pacing(self) -> Pacing:
        """The pacing as configured; the delay in force is `campaign.delay_seconds`."""
        return Pacing.model_validate(self.campaign.pacing)

    @property
    def eta_seconds(self) -> float:
        """Seconds until the last Message 1 is out, closed windows included; 0 once the campaign is over."""
        if self.is_over:
            return 0.0
        if not any(self.left_in):
            return self.sending_seconds
        each = self.sending_seconds / max(1, sum(self.left_in.values()))
        return time_needed(self.first_at, {windows: count * each for windows, count in self.left_in.items()})

    @property
    def sending_seconds(self) -> float:
        """Seconds of sending that are left, windows not reckoned."""
        return eta_seconds(
            self.counts.left,
            self.campaign.delay_seconds,
            self.pacing.batch_size,
            self.pacing.batch_pause_seconds,
            self.rate_per_second,
            sharers=self.others + 1,
            started=self.counts.attempted > 0,
        )


async def read_counts(session: AsyncSession, campaign_ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """The counts of campaigns. One statement, hence one snapshot: the states add up to the total at every instant.

    Contacts that are alike are counted first, in the order of an index that holds all that is asked (docs/pages.md);
    then the few kinds of them are added up under each name that they count under.
    """
    kinds = _kinds(campaign_ids)
    number = func.coalesce(func.sum(kinds.c.number), 0)
    named = [
        cast(func.coalesce(func.sum(kinds.c.number).filter(counted_as(name, kinds.c)), 0), BigInteger).label(name.value)
        for name in EnrollmentFilter
    ]
    query = select(kinds.c.campaign_id, cast(number, BigInteger).label("total"), *named).group_by(kinds.c.campaign_id)
    rows = (await session.execute(query)).mappings()
    found = {row["campaign_id"]: Counts.model_validate(dict(row)) for row in rows}
    return {campaign_id: found.get(campaign_id, Counts()) for campaign_id in campaign_ids}


def _kinds(campaign_ids: Sequence[UUID]) -> Subquery:
    alike = (
        col(Enrollment.campaign_id),
        col(Enrollment.status),
        col(Enrollment.held),
        col(Enrollment.outcome),
        col(Enrollment.message_2_status),
    )
    return (
        select(*alike, func.min(Enrollment.replied_at).label("replied_at"), func.count().label("number"))
        .where(col(Enrollment.campaign_id).in_(campaign_ids))
        .group_by(*alike, col(Enrollment.replied_at).is_(None))
        .subquery()
    )


async def read_progress(session: AsyncSession, campaign_id: UUID) -> Progress | None:
    """A campaign's progress, or None when the tenant has no such campaign."""
    campaign = await find_campaign(session, campaign_id)
    if campaign is None:
        return None
    counts = (await read_counts(session, [campaign_id]))[campaign_id]
    beside = (await session.execute(_BESIDE, {"campaign_id": campaign_id})).one()
    return Progress(
        campaign=campaign,
        counts=counts,
        rate_per_second=beside.rate_per_second,
        others=beside.others,
        last_contact_id=beside.last_contact_id,
        at=datetime.now(UTC),
        left_in=await read_left_in(session, campaign, beside.channel_window, beside.time_zone, counts.left),
    )


async def supposing(session: AsyncSession, progress: Progress, **columns: Any) -> Progress:
    """The progress as it would be if the campaign had these columns; they are kept nowhere."""
    campaign = Campaign(**(progress.campaign.model_dump() | columns))
    beside = (await session.execute(_BESIDE, {"campaign_id": campaign.id})).one()
    left = progress.counts.left
    left_in = await read_left_in(session, campaign, beside.channel_window, beside.time_zone, left)
    return replace(progress, campaign=campaign, left_in=left_in)


async def read_left_in(
    session: AsyncSession, campaign: Campaign, channel_window: dict[str, Any] | None, time_zone: str, left: int
) -> dict[Windows, int]:
    """How many of the campaign's contacts that are left can be written to in which windows; `time_zone` is the
    tenant's. Asks the database only where each contact has a window of their own."""
    channels = () if channel_window is None else (SendWindow.model_validate(channel_window),)
    if campaign.send_window is None:
        return {channels: left}
    hours = Hours(CampaignWindow.model_validate(campaign.send_window), time_zone)
    today = datetime.now(UTC).date()
    if hours.window.is_same_for_all:
        return {(*hours.windows(None, today), *channels): left}
    found: Counter[Windows] = Counter()
    for prefix, count in await session.execute(_LEFT_BY_PREFIX, {"campaign_id": campaign.id}):
        found[(*hours.windows(prefix, today), *channels)] += count
    return dict(found)
