"""Refusing at once all that is held and will never be wanted again."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

# A row that is locked is being claimed just now; its own gate refuses it once the caller has committed.
_REFUSE = """
    WITH gone AS (
        SELECT d.id FROM deliveries d JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
        WHERE d.tenant_id = :tenant_id AND d.status = 'held' AND {which} FOR UPDATE OF d SKIP LOCKED
    ), refused AS (
        UPDATE deliveries d SET status = 'refused', reason = :reason, hold_until = NULL, updated_at = now()
        FROM gone WHERE d.id = gone.id
        RETURNING d.tenant_id, d.id, d.contact_id, d.campaign_id, d.kind, d.scheduled_at
    )
    INSERT INTO action_log (tenant_id, delivery_id, contact_id, campaign_id, action, status, reason, scheduled_at)
    SELECT tenant_id, id, contact_id, campaign_id, kind, 'refused', :reason, scheduled_at FROM refused
"""
_OF_CAMPAIGN = text(_REFUSE.format(which="d.campaign_id = :campaign_id"))
_TO_PHONES = text(_REFUSE.format(which="c.phone = ANY(:phones)"))


async def refuse_held_of_campaign(session: AsyncSession, tenant_id: UUID, campaign_id: UUID, reason: str) -> None:
    """Nothing that a campaign held goes out any more."""
    await session.execute(_OF_CAMPAIGN, {"tenant_id": tenant_id, "campaign_id": campaign_id, "reason": reason})


async def refuse_held_to(session: AsyncSession, tenant_id: UUID, phones: list[str], reason: str) -> None:
    """Nothing that was held for these phones goes out any more."""
    await session.execute(_TO_PHONES, {"tenant_id": tenant_id, "phones": phones, "reason": reason})
