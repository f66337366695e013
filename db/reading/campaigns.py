"""What is shown of campaigns: the list, one of them, and what a launch would meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Text, func, text, tuple_, type_coerce
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign, Contact, Enrollment
from domain.statuses import CampaignStatus
from domain.templates import TemplateFacts, missing


async def list_campaigns(
    session: AsyncSession,
    *,
    search: str | None = None,
    status: CampaignStatus | None = None,
    channel_id: UUID | None = None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Campaign]:
    """Campaigns whose name or messages contain `search` (any case), newest first."""
    key = tuple_(col(Campaign.created_at), col(Campaign.id))
    query = select(Campaign).order_by(key.desc()).limit(limit)
    if search is not None:
        texts = (Campaign.name, Campaign.message_1, Campaign.message_2)
        query = query.where(or_(*(col(column).icontains(search, autoescape=True) for column in texts)))
    if status is not None:
        query = query.where(col(Campaign.status) == status)
    if channel_id is not None:
        query = query.where(col(Campaign.channel_id) == channel_id)
    if after is not None:
        query = query.where(key < after)
    return list(await session.exec(query))


async def find_campaign(session: AsyncSession, campaign_id: UUID, *, lock: bool = False) -> Campaign | None:
    """One campaign, or None when the tenant has none with this id; locked against changes when asked for."""
    query = select(Campaign).where(col(Campaign.id) == campaign_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await session.exec(query)).one_or_none()


@dataclass(frozen=True, slots=True)
class LackingContact:
    """A contact without a value for variables that the messages cannot do without."""

    contact_id: UUID
    phone: str
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a launch would meet: `lacking` holds the first of `lacking_count` contacts; `lacking_apart` counts those who
    lack something of each set of variables that was asked about apart."""

    contacts: int
    suppressed: int
    lacking_count: int
    lacking: list[LackingContact]
    lacking_apart: tuple[int, ...] = ()


_SUPPRESSED = text("""
    SELECT count(*) FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    JOIN suppressions s ON s.tenant_id = c.tenant_id AND s.phone = c.phone WHERE e.campaign_id = :campaign_id
""")


async def readiness(
    session: AsyncSession, campaign_id: UUID, facts: TemplateFacts, *, apart: Sequence[frozenset[str]] = (), shown: int
) -> Readiness:
    """Counts the contacts of a campaign, those suppressed, and those who lack what `facts` require, or each of `apart`.

    All but the suppressed are counted in one look at the contacts, of whom there may be many.
    """
    counts = [func.count().filter(_lacks(required)) for required in (facts.required, *apart)]
    counted = select(func.count(), *counts).select_from(Enrollment).where(col(Enrollment.campaign_id) == campaign_id)
    total, lacking, *each = (await session.execute(counted)).one()
    suppressed = (await session.execute(_SUPPRESSED, {"campaign_id": campaign_id})).scalar_one()
    first = await _lacking(session, campaign_id, facts, shown) if lacking else []
    return Readiness(
        contacts=total, suppressed=suppressed, lacking_count=lacking, lacking=first, lacking_apart=tuple(each)
    )


async def _lacking(session: AsyncSession, campaign_id: UUID, facts: TemplateFacts, shown: int) -> list[LackingContact]:
    rows = await session.exec(
        select(Enrollment, Contact.phone)
        .join(Contact, col(Contact.id) == Enrollment.contact_id)
        .where(col(Enrollment.campaign_id) == campaign_id, _lacks(facts.required))
        .order_by(col(Enrollment.position))
        .limit(shown)
    )
    return [LackingContact(row.contact_id, phone, sorted(missing(facts, row.variables))) for row, phone in rows]


def _lacks(required: frozenset[str]) -> ColumnElement[bool]:
    """Blank values are never stored, so that a key that is there has a value."""
    has_all: ColumnElement[bool] = type_coerce(col(Enrollment.variables), JSONB).has_all(
        array(sorted(required), type_=Text)
    )
    return ~has_all
