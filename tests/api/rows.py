"""What tests put into a company's rows, past the API, and read from them."""

from typing import Any
from uuid import UUID, uuid4

from sqlmodel import SQLModel, col, select, update

from db.tables import Campaign, Channel, Contact, Delivery, Enrollment, InboundEvent
from tests.api.people import Company


def fresh_phone() -> str:
    """A phone (E.164) that no other test has."""
    return f"+3361{uuid4().int % 10**7:07d}"


async def keep(company: Company, *rows: SQLModel) -> None:
    """Writes rows of the tenant, in this order."""
    async with company.database.tenant(company.tenant_id) as session:
        for row in rows:
            session.add(row)
            await session.flush()


async def add_contact(company: Company, **fields: Any) -> Contact:
    """A contact, by default with a phone that nobody else has."""
    row = Contact(**{"tenant_id": company.tenant_id, "phone": fresh_phone(), **fields})
    await keep(company, row)
    return row


async def enroll(company: Company, contact: Contact, **fields: Any) -> Enrollment:
    """The contact in a running campaign of its own."""
    campaign = Campaign(
        tenant_id=company.tenant_id,
        channel_id=company.channel_id,
        name="Autumn",
        message_1="Hello",
        message_2="Thanks",
        reply_window_seconds=60,
        delay_seconds=1,
        status="running",
    )
    enrollment = Enrollment(
        tenant_id=company.tenant_id,
        campaign_id=campaign.id,
        contact_id=contact.id,
        channel_id=company.channel_id,
        **fields,
    )
    await keep(company, campaign, enrollment)
    return enrollment


async def add_delivery(company: Company, contact: Contact, **fields: Any) -> Delivery:
    """A delivery to the contact."""
    values = {"kind": "test", "idempotency_key": str(uuid4()), **fields}
    row = Delivery(tenant_id=company.tenant_id, channel_id=company.channel_id, contact_id=contact.id, **values)
    await keep(company, row)
    return row


async def stored_channel(company: Company, channel_id: UUID) -> Channel:
    """A channel's row."""
    async with company.database.tenant(company.tenant_id) as session:
        return (await session.exec(select(Channel).where(col(Channel.id) == channel_id))).one()


async def set_channel(company: Company, **columns: Any) -> None:
    """Changes the company's channel behind the API's back."""
    async with company.database.tenant(company.tenant_id) as session:
        await session.exec(update(Channel).where(col(Channel.id) == company.channel_id).values(**columns))


async def stored_events(company: Company) -> list[InboundEvent]:
    """What was kept of the calls to the webhook of the company's channel."""
    async with company.database.tenant(company.tenant_id) as session:
        query = select(InboundEvent).where(col(InboundEvent.channel_id) == company.channel_id)
        return list(await session.exec(query))
