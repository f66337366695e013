"""The end of an enrollment: at the window's last instant either the reply wins or the end does, never both."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger.refuse import refuse_held_of_enrollment
from domain.gate import REASON_TEXT, Reason
from domain.statuses import Outcome

STOPPED_BECAUSE = {
    Outcome.OPTED_OUT: Reason.OPTED_OUT,
    Outcome.CANCELLED: Reason.CAMPAIGN_CANCELLED,
}
"""Ends that leave nothing to be sent, and what is said of a message that was held until then."""

_LOCK = text("""
    SELECT closed_at, replied_at, status = 'pending' AND launched_at IS NULL AS in_line FROM enrollments
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND contact_id = :contact_id FOR UPDATE
""")
# Who has no Message 1, as the last receipt says, did not leave it unanswered.
_CLOSE = text("""
    UPDATE enrollments SET closed_at = now(), held = false,
           outcome = CASE WHEN CAST(:outcome AS varchar) = 'no_reply' AND status = 'failed' THEN 'failed'
                          ELSE CAST(:outcome AS varchar) END,
           status = CASE WHEN status <> 'pending' THEN status
                         WHEN CAST(:outcome AS varchar) = 'cancelled' THEN 'cancelled'
                         WHEN CAST(:outcome AS varchar) = 'opted_out' THEN 'suppressed'
                         ELSE status END,
           message_2_status = CASE WHEN message_2_status IS DISTINCT FROM 'pending' THEN message_2_status
                                   WHEN CAST(:outcome AS varchar) = 'opted_out' THEN 'suppressed'
                                   ELSE 'cancelled' END
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND contact_id = :contact_id
""")
_REPLY = text("""
    SELECT id FROM interactions
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND contact_id = :contact_id AND counted
    ORDER BY received_at LIMIT 1
""")
# A reply may have been stored in time and not acted on yet: the API died in between, or the database was away.
_TEXT_WAITS = text("""
    SELECT EXISTS (
        SELECT FROM inbound_events i
        JOIN enrollments e ON e.tenant_id = i.tenant_id AND e.channel_id = i.channel_id
        JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
        WHERE i.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id
          AND i.processed_at IS NULL AND i.problem IS NULL AND i.received_at <= e.reply_deadline
          AND i.normalised -> 'facts' @> jsonb_build_array(jsonb_build_object('fact', 'text', 'phone', c.phone))
    )
""")


OF_MESSAGE_1 = frozenset({Outcome.NO_REPLY, Outcome.FAILED})
"""Ends that tell what became of the Message 1 of the run that asks for them."""


class TextWaits(Exception):
    """A text of this contact is stored and not acted on yet; it may be the reply, so the end has to wait for it."""


async def close_enrollment(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, contact_id: UUID, outcome: Outcome
) -> tuple[bool, UUID | None]:
    """Closes and returns (True, None); or, if it was to end as "no reply" and a reply is on record, (False, its id).

    Recording a reply takes the same lock: it commits before, and is found here, or comes after, and finds it closed.
    Raises `TextWaits` while a text that came in time waits to be processed.
    """
    named = {"tenant_id": tenant_id, "campaign_id": campaign_id, "contact_id": contact_id}
    row = (await session.execute(_LOCK, named)).one()
    if row.closed_at is not None:
        return True, None
    if row.in_line and outcome in OF_MESSAGE_1:
        return True, None  # the run of a Message 1 that failed is over; the contact waits for its next one
    if outcome == Outcome.NO_REPLY and row.replied_at is not None:
        interaction_id: UUID | None = (await session.execute(_REPLY, named)).scalar_one_or_none()
        return False, interaction_id
    if outcome == Outcome.NO_REPLY and (await session.execute(_TEXT_WAITS, named)).scalar_one():
        raise TextWaits
    await session.execute(_CLOSE, {**named, "outcome": outcome.value})
    if (reason := STOPPED_BECAUSE.get(outcome)) is not None:
        await refuse_held_of_enrollment(session, tenant_id, campaign_id, contact_id, REASON_TEXT[reason])
    return True, None
