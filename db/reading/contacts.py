"""What is shown of contacts: the list, one person, and the campaigns that person is in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import literal_column, tuple_
from sqlmodel import col, exists, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.spellings import other_spelling_of
from db.tables import Campaign, Contact, Enrollment, Suppression

ENROLLMENTS_SHOWN = 100
"""Campaigns listed beside one contact, latest first."""


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact and whether the person may not be written to."""

    contact: Contact
    suppressed: bool


IN_ANY_SPELLING = col(Suppression.phone).in_([Contact.phone, literal_column(other_spelling_of("contacts.phone"))])
"""Joins a contact to what the suppression list says of the person."""

_SUPPRESSED = exists().where(col(Suppression.tenant_id) == Contact.tenant_id, IN_ANY_SPELLING).correlate(Contact)


async def list_contacts(
    session: AsyncSession,
    *,
    phone: str | None = None,
    name: str | None = None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[ContactView]:
    """Contacts whose phone starts with `phone` and whose name contains `name` (any case), newest first."""
    key = tuple_(col(Contact.created_at), col(Contact.id))
    query = select(Contact, _SUPPRESSED).order_by(key.desc()).limit(limit)
    if phone is not None:
        query = query.where(col(Contact.phone).startswith(phone, autoescape=True))
    if name is not None:
        query = query.where(col(Contact.name).icontains(name, autoescape=True))
    if after is not None:
        query = query.where(key < after)
    return [ContactView(contact, suppressed) for contact, suppressed in await session.exec(query)]


async def find_contact(session: AsyncSession, contact_id: UUID) -> ContactView | None:
    """One contact, or None when the tenant has none with this id."""
    found = (await session.exec(select(Contact, _SUPPRESSED).where(col(Contact.id) == contact_id))).one_or_none()
    return None if found is None else ContactView(*found)


async def enrollments_of(session: AsyncSession, contact_id: UUID) -> list[tuple[Enrollment, str]]:
    """The contact's enrollments with their campaigns' names, latest first, at most `ENROLLMENTS_SHOWN`."""
    query = (
        select(Enrollment, Campaign.name)
        .join(Campaign, col(Campaign.id) == Enrollment.campaign_id)
        .where(col(Enrollment.contact_id) == contact_id)
        .order_by(col(Enrollment.position).desc())
        .limit(ENROLLMENTS_SHOWN)
    )
    return [(enrollment, name) for enrollment, name in await session.exec(query)]
