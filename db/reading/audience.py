"""What is shown of a draft's contacts: what was uploaded, which variables they have, and the contacts one by one."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, text, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.enrollments import EnrollmentView
from db.tables import Contact, Enrollment, Import

VARIABLES_SHOWN = 100
SAMPLE = 2000
"""Contacts whose variables are looked at to tell which there are: all of a smaller campaign."""

_ALL = "SELECT position, variables FROM enrollments WHERE campaign_id = :campaign_id"
# Steps of the golden ratio: as even as equal ones, and never in time with rows that alternate. The cast lets the index
# of positions be used: compared with a fraction, every row before the place would be read.
_SPREAD = """
    SELECT DISTINCT one.position, one.variables
    FROM (SELECT min(position) AS low, max(position) AS high FROM enrollments WHERE campaign_id = :campaign_id) bounds,
    generate_series(1, :sample) AS step,
    LATERAL (
        SELECT position, variables FROM enrollments
        WHERE campaign_id = :campaign_id
          AND position >= CAST(low + floor((high - low + 1) * mod(step * 0.6180339887, 1)) AS bigint)
        ORDER BY position LIMIT 1
    ) one
"""
_VARIABLES = """
    WITH seen AS MATERIALIZED ({seen})
    SELECT name, count(*)::float / (SELECT count(*) FROM seen) AS share
    FROM seen, jsonb_object_keys(variables) AS name GROUP BY name ORDER BY share DESC, name LIMIT :shown
"""


async def list_imports(session: AsyncSession, campaign_id: UUID, *, limit: int) -> list[Import]:
    """Uploads to the campaign, latest first."""
    query = select(Import).where(col(Import.campaign_id) == campaign_id).order_by(col(Import.created_at).desc())
    return list(await session.exec(query.limit(limit)))


async def count_contacts(session: AsyncSession, campaign_id: UUID) -> int:
    """How many contacts the campaign has."""
    query = select(func.count()).select_from(Enrollment).where(col(Enrollment.campaign_id) == campaign_id)
    return (await session.exec(query)).one()


async def variables_of(session: AsyncSession, campaign_id: UUID, contacts: int) -> dict[str, float]:
    """The variables of a campaign's contacts and the share that has a value, most frequent first.

    Of more than `SAMPLE` contacts that many are looked at, evenly over the order of import: what hardly anybody has may
    be missed there, and shares are close to the truth.
    """
    query = _VARIABLES.format(seen=_ALL if contacts <= SAMPLE else _SPREAD)
    asked: dict[str, object] = {"campaign_id": campaign_id, "shown": VARIABLES_SHOWN}
    rows = await session.execute(text(query), asked if contacts <= SAMPLE else asked | {"sample": SAMPLE})
    return {row.name: row.share for row in rows}


async def lacking_each(session: AsyncSession, campaign_id: UUID, names: Collection[str]) -> dict[str, int]:
    """How many of a campaign's contacts have no value for each of these variables; only those that some lack."""
    wanted = sorted(names)
    if not wanted:
        return {}
    has = [type_coerce(col(Enrollment.variables), JSONB).has_key(name) for name in wanted]
    counts = [func.count().filter(~one) for one in has]
    query = select(*counts).select_from(Enrollment).where(col(Enrollment.campaign_id) == campaign_id)
    row = (await session.execute(query)).one()
    return {name: count for name, count in zip(wanted, row, strict=True) if count}


async def contact_beside(
    session: AsyncSession, campaign_id: UUID, *, after: int | None = None, before: int | None = None
) -> EnrollmentView | None:
    """The contact next behind position `after`, or next ahead of `before`; without either the first one."""
    position = col(Enrollment.position)
    query = (
        select(Enrollment, Contact.phone, Contact.name)
        .join(Contact, col(Contact.id) == Enrollment.contact_id)
        .where(col(Enrollment.campaign_id) == campaign_id)
        .order_by(position if before is None else position.desc())
        .limit(1)
    )
    if after is not None:
        query = query.where(position > after)
    if before is not None:
        query = query.where(position < before)
    found = (await session.exec(query)).one_or_none()
    return None if found is None else EnrollmentView(*found)
