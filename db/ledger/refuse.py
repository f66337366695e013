"""Refusing at once all that waits and will never be wanted again."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

# A row that is locked is being claimed just now; its own gate refuses it once the caller has committed. The tenant's
# row, where the credits of the refused go back to, comes last: whoever holds it waits for nobody.
_REFUSE = """
    WITH gone AS ({gone}
    ), refused AS (
        UPDATE deliveries d SET status = 'refused', reason = :reason, hold_until = NULL, credit_spent = false,
               updated_at = now()
        WHERE d.id = ANY (ARRAY(SELECT id FROM gone))
        RETURNING d.tenant_id, d.id, d.contact_id, d.campaign_id, d.kind, d.scheduled_at
    ), logged AS (
        INSERT INTO action_log (tenant_id, delivery_id, contact_id, campaign_id, action, status, reason, scheduled_at)
        SELECT tenant_id, id, contact_id, campaign_id, kind, 'refused', :reason, scheduled_at FROM refused
    )
    SELECT count(*) FILTER (WHERE credit_spent) FROM gone
"""
_WAITING = """
    SELECT d.id, d.credit_spent FROM {deliveries}
    WHERE d.tenant_id = :tenant_id AND d.status IN ('held', 'queued') AND {which} FOR UPDATE OF d SKIP LOCKED
"""
_OF_EACH = _WAITING.format(
    deliveries="deliveries d", which="d.campaign_id = :campaign_id AND d.contact_id = one.contact_id"
)
# One by one: the planner may think less of a tenant's deliveries than of so many look-ups, and read them all.
_OF_CONTACTS = text(
    _REFUSE.format(
        gone=f"""
            SELECT waiting.* FROM unnest(CAST(:contacts AS uuid[])) AS one(contact_id), LATERAL ({_OF_EACH}) waiting
        """  # noqa: S608 - put together from constants
    )
)
_OF_ENROLLMENT = text(
    _REFUSE.format(
        gone=_WAITING.format(
            deliveries="deliveries d", which="d.campaign_id = :campaign_id AND d.contact_id = :contact_id"
        )
    )
)
_TO_PHONES = text(
    _REFUSE.format(
        gone=_WAITING.format(
            deliveries="deliveries d JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id",
            which="c.phone = ANY(:phones)",
        )
    )
)
_GIVE_BACK = text("UPDATE tenants SET credits = credits + :number WHERE id = :tenant_id AND credits IS NOT NULL")


async def refuse_held_of_contacts(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, contacts: list[UUID], reason: str
) -> None:
    """Nothing that was held for these contacts of a campaign goes out any more."""
    named = {"tenant_id": tenant_id, "campaign_id": campaign_id, "contacts": contacts, "reason": reason}
    await _refuse(session, _OF_CONTACTS, named)


async def refuse_held_of_enrollment(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, contact_id: UUID, reason: str
) -> None:
    """Nothing that was held for one contact of a campaign goes out any more."""
    named = {"tenant_id": tenant_id, "campaign_id": campaign_id, "contact_id": contact_id, "reason": reason}
    await _refuse(session, _OF_ENROLLMENT, named)


async def refuse_held_to(session: AsyncSession, tenant_id: UUID, phones: list[str], reason: str) -> None:
    """Nothing that was held for these phones goes out any more."""
    await _refuse(session, _TO_PHONES, {"tenant_id": tenant_id, "phones": phones, "reason": reason})


async def _refuse(session: AsyncSession, statement: Any, named: dict[str, Any]) -> None:
    credits_back = int((await session.execute(statement, named)).scalar_one())
    if credits_back:
        await session.execute(_GIVE_BACK, {"tenant_id": named["tenant_id"], "number": credits_back})
