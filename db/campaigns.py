"""Changes to campaigns that are made outside their workflow: before one runs, and as the first step of a start."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Campaign, Contact, Delivery
from domain import ids
from domain.statuses import CampaignStatus, DeliveryKind, DeliveryStatus


async def change_campaign(session: AsyncSession, campaign_id: UUID, values: Mapping[str, Any]) -> None:
    """Writes these columns."""
    await session.execute(update(Campaign).where(col(Campaign.id) == campaign_id).values(**values))


async def leave_draft(session: AsyncSession, campaign_id: UUID) -> CampaignStatus | None:
    """Draft → scheduled (its start lies ahead) or running; None when it is no draft any more.

    The guard is in the statement, so of two starts at once one wins.
    """
    status = text("CASE WHEN start_at > now() THEN 'scheduled' ELSE 'running' END")
    started = text("CASE WHEN start_at > now() THEN NULL ELSE now() END")
    changed = await session.execute(
        update(Campaign)
        .where(col(Campaign.id) == campaign_id, col(Campaign.status) == CampaignStatus.DRAFT)
        .values(status=status, started_at=started)
        .returning(col(Campaign.status))
    )
    found = changed.scalar_one_or_none()
    return None if found is None else CampaignStatus(found)


_CANCEL_CONTACTS = text("""
    WITH stopped AS (
        UPDATE enrollments SET status = 'cancelled', outcome = 'cancelled', held = false, closed_at = now()
        WHERE campaign_id = :campaign_id AND closed_at IS NULL RETURNING 1
    )
    SELECT count(*) FROM stopped
""")


async def cancel_draft(session: AsyncSession, campaign_id: UUID) -> int | None:
    """Draft → cancelled with all its contacts; how many those were, or None when it is no draft any more."""
    changed = await session.execute(
        update(Campaign)
        .where(col(Campaign.id) == campaign_id, col(Campaign.status) == CampaignStatus.DRAFT)
        .values(status=CampaignStatus.CANCELLED, ended_at=func.now())
        .returning(col(Campaign.id))
    )
    if changed.first() is None:
        return None
    stopped: int = (await session.execute(_CANCEL_CONTACTS, {"campaign_id": campaign_id})).scalar_one()
    return stopped


_CONTACT = text("""
    INSERT INTO contacts (id, tenant_id, phone) VALUES (gen_random_uuid(), :tenant_id, :phone)
    ON CONFLICT (tenant_id, phone) DO NOTHING
""")


async def contact_by_phone(session: AsyncSession, tenant_id: UUID, phone: str) -> UUID:
    """The contact with this number (E.164), made if there is none."""
    await session.execute(_CONTACT, {"tenant_id": tenant_id, "phone": phone})
    return (await session.exec(select(Contact.id).where(col(Contact.phone) == phone))).one()


async def queue_test(session: AsyncSession, campaign: Campaign, delivery_id: UUID, phone: str, body: str) -> Delivery:
    """The delivery of a test message; the one that is there already when this id was queued before.

    It names no campaign: the gate would hold a draft's messages back, and no campaign counts it.
    """
    known = await session.get(Delivery, delivery_id)
    if known is not None:
        return known
    delivery = Delivery(
        id=delivery_id,
        tenant_id=campaign.tenant_id,
        channel_id=campaign.channel_id,
        contact_id=await contact_by_phone(session, campaign.tenant_id, phone),
        kind=DeliveryKind.TEST,
        idempotency_key=ids.test_send_key(delivery_id),
        body=body,
        status=DeliveryStatus.QUEUED,
    )
    session.add(delivery)
    await session.flush()
    return delivery
