"""The contacts of a cancelled campaign: closed page by page, so that nobody's send waits until all of them are."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger.refuse import refuse_held_of_contacts
from domain.gate import REASON_TEXT, Reason

PAGE = 1000
"""Contacts that one transaction closes: their rows are locked for a tenth of a second or less."""

# In the order of the primary key: a page begins behind the one before it and does not look at what is closed already.
_LOCK_PAGE = text("""
    SELECT contact_id FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND closed_at IS NULL
      AND contact_id > CAST(:after AS uuid)
    ORDER BY contact_id LIMIT :limit FOR NO KEY UPDATE
""")
# A statement of its own, and by the range: of a campaign that has just been imported the planner knows nothing, and
# joined the page with all contacts, row by row. Contacts whose call is under way are left alone: the platform may have
# the message, and their workflows end them. A Message 1 that failed keeps the platform's reason.
_CLOSE_PAGE = text("""
    UPDATE enrollments SET status = CASE WHEN status = 'pending' THEN 'cancelled' ELSE status END,
           message_2_status = CASE WHEN message_2_status = 'pending' THEN 'cancelled' ELSE message_2_status END,
           held = false, outcome = 'cancelled', closed_at = now(),
           reason = CASE WHEN status = 'failed' THEN reason ELSE :reason END
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND closed_at IS NULL
      AND contact_id > CAST(:after AS uuid) AND contact_id <= CAST(:last AS uuid)
      AND status NOT IN ('sending', 'unknown')
      AND (message_2_status IS NULL OR message_2_status NOT IN ('sending', 'unknown'))
""")
START = UUID(int=0)
"""Behind this lies everybody."""


async def close_page(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, after: UUID, limit: int = PAGE
) -> UUID | None:
    """Closes the next contacts behind `after` and refuses what was held for them; the last of them, None if none.

    The campaign must be marked as cancelled, for good, by an earlier transaction: what its gate has seen since then
    leaves nothing behind that no page would find, and repeating all pages closes what is left.
    """
    reason = REASON_TEXT[Reason.CAMPAIGN_CANCELLED]
    behind = {"tenant_id": tenant_id, "campaign_id": campaign_id, "after": after}
    page = (await session.execute(_LOCK_PAGE, {**behind, "limit": limit})).all()
    if not page:
        return None
    last: UUID = page[-1].contact_id
    await session.execute(_CLOSE_PAGE, {**behind, "last": last, "reason": reason})
    # By contact, in the index of what is wanted; by campaign, each page would look through all of its deliveries.
    await refuse_held_of_contacts(session, tenant_id, campaign_id, [row.contact_id for row in page], reason)
    return last
