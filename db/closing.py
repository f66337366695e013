"""The end of an enrollment: at the window's last instant either the reply wins or the end does, never both."""

from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger.refuse import refuse_held_of_enrollment
from domain.gate import REASON_TEXT, Reason
from domain.phone_spellings import spellings
from domain.statuses import Outcome

STOPPED_BECAUSE = {
    Outcome.OPTED_OUT: Reason.OPTED_OUT,
    Outcome.CANCELLED: Reason.CAMPAIGN_CANCELLED,
}
"""Ends that leave nothing to be sent, and what is said of a message that was held until then."""

UNANSWERED = frozenset({Outcome.NO_REPLY, Outcome.UNKNOWN})
"""Ends that a reply on record stands against: it is to be answered."""

_LOCK = text("""
    SELECT e.closed_at, e.replied_at, e.status = 'pending' AND e.launched_at IS NULL AS in_line, c.phone
    FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    WHERE e.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id FOR UPDATE OF e
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
        CROSS JOIN unnest(CAST(:phones AS varchar[])) AS phone
        WHERE i.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id
          AND i.processed_at IS NULL AND i.problem IS NULL
          AND (e.reply_deadline IS NULL OR i.received_at <= e.reply_deadline)
          AND i.normalised -> 'facts' @> jsonb_build_array(jsonb_build_object('fact', 'text', 'phone', phone))
    )
""")


OF_MESSAGE_1 = frozenset({Outcome.NO_REPLY, Outcome.FAILED})
"""Ends that tell what became of the Message 1 of the run that asks for them."""


class TextWaits(Exception):
    """A text of this contact is stored and not acted on yet; it may be the reply, so the end has to wait for it."""


async def close_enrollment(
    session: AsyncSession, tenant_id: UUID, campaign_id: UUID, contact_id: UUID, outcome: Outcome
) -> tuple[bool, UUID | None]:
    """Closes and returns (True, None); or, if a reply is on record that it was to end without, (False, its id).

    Recording a reply takes the same lock: it commits before, and is found here, or comes after, and finds it closed.
    Raises `TextWaits` while a text that came in time waits to be processed. A Message 1 of unknown outcome has no
    deadline yet, so every text that waits is in time.
    """
    named = {"tenant_id": tenant_id, "campaign_id": campaign_id, "contact_id": contact_id}
    row = (await session.execute(_LOCK, named)).one()
    if row.closed_at is not None:
        return True, None
    if row.in_line and outcome in OF_MESSAGE_1:
        return True, None  # the run of a Message 1 that failed is over; the contact waits for its next one
    if outcome in UNANSWERED and row.replied_at is not None:
        interaction_id: UUID | None = (await session.execute(_REPLY, named)).scalar_one_or_none()
        return False, interaction_id
    if outcome in UNANSWERED:
        asked = {**named, "phones": spellings(row.phone)}
        if (await session.execute(_TEXT_WAITS, asked)).scalar_one():
            raise TextWaits
    await session.execute(_CLOSE, {**named, "outcome": outcome.value})
    if (reason := STOPPED_BECAUSE.get(outcome)) is not None:
        await refuse_held_of_enrollment(session, tenant_id, campaign_id, contact_id, REASON_TEXT[reason])
    return True, None
