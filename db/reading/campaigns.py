"""What is shown of campaigns: the list, one of them, and what a launch would meet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Text, and_, func, text, true, tuple_, type_coerce
from sqlalchemy import select as core_select
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.spellings import other_spelling_of
from db.tables import Campaign, Contact, Enrollment
from domain.statuses import CampaignStatus
from domain.templates import TemplateFacts, check_template, missing


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


# Two joins, since one over either spelling could not be hashed.
_SUPPRESSED_AS = """
    SELECT c.id FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    JOIN suppressions s ON s.tenant_id = c.tenant_id AND s.phone = {phone} WHERE e.campaign_id = :campaign_id
"""
_SUPPRESSED = text(f"""
    SELECT count(*) FROM (
        {_SUPPRESSED_AS.format(phone="c.phone")} UNION {_SUPPRESSED_AS.format(phone=other_spelling_of("c.phone"))}
    ) AS suppressed
""")  # noqa: S608 - put together from constants


def needs(message_1: str, message_2: str, variants: Iterable[Mapping[str, Any]]) -> TemplateFacts:
    """What both messages need together; which variant a contact will get is open, so that it must be fit for each."""
    texts = [message_1, message_2, *(variant["text"] for variant in variants)]
    facts = [check_template(text) for text in texts]
    return TemplateFacts(
        frozenset().union(*(one.variables for one in facts)), frozenset().union(*(one.required for one in facts))
    )


async def readiness(
    session: AsyncSession, campaign_id: UUID, facts: TemplateFacts, *, apart: Sequence[frozenset[str]] = (), shown: int
) -> Readiness:
    """Counts the contacts of a campaign, those suppressed, and those who lack what `facts` require, or each of `apart`.

    Each of `apart` is a part of what `facts` require.
    """
    total = select(func.count()).select_from(Enrollment).where(col(Enrollment.campaign_id) == campaign_id)
    contacts = (await session.exec(total)).one()
    suppressed = (await session.execute(_SUPPRESSED, {"campaign_id": campaign_id})).scalar_one()
    rows = (await session.execute(_lacking(campaign_id, facts.required, apart, shown))).all()
    lacking_count, *each = rows[0][_COUNTS_FROM:] if rows else [0] * (1 + len(apart))
    return Readiness(contacts, suppressed, lacking_count, _read(facts, rows), tuple(each))


async def lacking_from(
    session: AsyncSession, campaign_id: UUID, facts: TemplateFacts, position: int, *, shown: int
) -> tuple[int, list[LackingContact]]:
    """How many contacts from `position` on lack what `facts` require, and the first of them. Others cost nothing."""
    if not facts.required:
        return 0, []
    rows = (await session.execute(_lacking(campaign_id, facts.required, (), shown, position))).all()
    return (rows[0][_COUNTS_FROM] if rows else 0), _read(facts, rows)


def _read(facts: TemplateFacts, rows: Iterable[Row[Any]]) -> list[LackingContact]:
    return [LackingContact(row.contact_id, row.phone, sorted(missing(facts, row.variables))) for row in rows]


_COUNTS_FROM = 3


def _lacking(
    campaign_id: UUID,
    required: frozenset[str],
    apart: Sequence[frozenset[str]],
    shown: int,
    position: int | None = None,
) -> Select[tuple[Any, ...]]:
    """The first contacts who lack something; beside each, from `_COUNTS_FROM` on, how many there are in all and apart.

    The values of a campaign are looked at once: who lacks something is set aside, which is what the planner makes of a
    subquery that is asked twice, then counted, and only of the first few more is read.
    """
    names = [f"lacks_{number}" for number in range(len(apart))]
    flags = [_lacks(needed).label(name) for name, needed in zip(names, apart, strict=True)]
    of_campaign = col(Enrollment.campaign_id) == campaign_id
    aside = (
        core_select(col(Enrollment.contact_id), col(Enrollment.position), *flags)
        .where(of_campaign, _lacks(required), *([col(Enrollment.position) >= position] if position else []))
        .cte("aside")
    )
    first = core_select(aside.c.contact_id, aside.c.position).order_by(aside.c.position).limit(shown).subquery()
    counted = [func.count().label("lacking"), *(func.count().filter(aside.c[name]).label(name) for name in names)]
    counts = core_select(*counted).select_from(aside).subquery()
    return (
        core_select(col(Enrollment.contact_id), col(Contact.phone), col(Enrollment.variables), counts)
        .join_from(first, Enrollment, and_(of_campaign, col(Enrollment.contact_id) == first.c.contact_id))
        .join(Contact, col(Contact.id) == first.c.contact_id)
        .join(counts, true())
        .order_by(first.c.position)
    )


def _lacks(required: frozenset[str]) -> ColumnElement[bool]:
    """Blank values are never stored, so that a key that is there has a value."""
    has_all: ColumnElement[bool] = type_coerce(col(Enrollment.variables), JSONB).has_all(
        array(sorted(required), type_=Text)
    )
    return ~has_all
