"""How far a campaign is, read at one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Subquery, cast, func, select, text
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.campaigns import find_campaign
from db.reading.enrollments import EnrollmentFilter, counted_as
from db.tables import Campaign, Enrollment
from domain.eta import eta_seconds
from domain.pacing import Pacing
from domain.progress import Counts
from domain.statuses import CampaignStatus

_BESIDE = text("""
    SELECT ch.rate_per_second,
           (SELECT count(*) FROM campaigns o
            WHERE o.tenant_id = c.tenant_id AND o.channel_id = c.channel_id AND o.status = 'running' AND o.id <> c.id
           ) AS others,
           (SELECT contact_id FROM enrollments e WHERE e.campaign_id = c.id AND e.message_1_at IS NOT NULL
            ORDER BY e.message_1_at DESC LIMIT 1) AS last_contact_id
    FROM campaigns c JOIN channels ch ON ch.tenant_id = c.tenant_id AND ch.id = c.channel_id WHERE c.id = :campaign_id
""")


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign and how far it is. `others` are the running campaigns that share its channel's rate."""

    campaign: Campaign
    counts: Counts
    rate_per_second: float
    others: int
    last_contact_id: UUID | None

    @property
    def pacing(self) -> Pacing:
        """The pacing as configured; the delay in force is `campaign.delay_seconds`."""
        return Pacing.model_validate(self.campaign.pacing)

    @property
    def eta_seconds(self) -> float:
        """Seconds of sending that are left; 0 once the campaign is over."""
        if self.campaign.status in (CampaignStatus.COMPLETED, CampaignStatus.CANCELLED):
            return 0.0
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
    )
