"""How far a campaign is, read at one instant."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Executable, func, select, text
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


def _counts(campaign_id: UUID) -> Executable:
    """One statement, hence one snapshot: the states add up to the total at every instant."""
    filtered = [func.count().filter(counted_as(name)).label(name.value) for name in EnrollmentFilter]
    return select(func.count().label("total"), *filtered).where(col(Enrollment.campaign_id) == campaign_id)


async def read_progress(session: AsyncSession, campaign_id: UUID) -> Progress | None:
    """A campaign's progress, or None when the tenant has no such campaign."""
    campaign = await find_campaign(session, campaign_id)
    if campaign is None:
        return None
    asked = {"campaign_id": campaign_id}
    counts = (await session.execute(_counts(campaign_id))).mappings().one()
    beside = (await session.execute(_BESIDE, asked)).one()
    return Progress(
        campaign=campaign,
        counts=Counts.model_validate(dict(counts)),
        rate_per_second=beside.rate_per_second,
        others=beside.others,
        last_contact_id=beside.last_contact_id,
    )
