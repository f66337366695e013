"""Opt-outs: who must not be written to, and what that ends at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger.refuse import refuse_held_to
from domain import ids
from domain.optout import OptWord, is_last_word
from domain.phone_spellings import spellings
from domain.signals import Signal, SignalName, StopRequest

# The contact's row is written first: a send that holds it has committed its claim before, one that comes after sees
# the suppression (db/ledger/facts.py locks the contact before it reads).
# Rows are locked in one order, so that two imports of the same people, or an import and a cancel, never cross.
_MARK_CONTACTS = """
    WITH these AS (
        SELECT id FROM contacts WHERE tenant_id = :tenant_id AND phone = ANY(:phones) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE contacts c SET opt_changed_at = {since} FROM these WHERE c.tenant_id = :tenant_id AND c.id = these.id
"""
_MARK_STOPPED = text(_MARK_CONTACTS.format(since="coalesce(CAST(:at AS timestamptz), now())"))
_MARK_STARTED = text(_MARK_CONTACTS.format(since="CAST(:at AS timestamptz)"))
# Where no contact was there to be marked, a suppression that was imported tells by itself since when it stands.
_STANDS_SINCE = text("""
    WITH these AS MATERIALIZED (
        SELECT opt_changed_at FROM contacts
        WHERE tenant_id = :tenant_id AND phone = ANY(:phones) ORDER BY id FOR NO KEY UPDATE
    )
    SELECT coalesce(max(opt_changed_at), (
        SELECT max(created_at) FROM suppressions WHERE tenant_id = :tenant_id AND phone = ANY(:phones)
    )) FROM these
""")
_SUPPRESS = text("""
    INSERT INTO suppressions (id, tenant_id, phone, source, note)
    SELECT gen_random_uuid(), :tenant_id, phone, :source, :note FROM unnest(CAST(:phones AS varchar[])) AS phone
    ON CONFLICT (tenant_id, phone) DO NOTHING
""")
_END = text("""
    WITH these AS (
        SELECT e.campaign_id, e.contact_id
        FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
        WHERE e.tenant_id = :tenant_id AND c.phone = ANY(:phones) AND e.closed_at IS NULL
        ORDER BY e.campaign_id, e.contact_id FOR NO KEY UPDATE OF e
    )
    UPDATE enrollments e SET
        status = CASE WHEN e.status = 'pending' THEN 'suppressed' ELSE e.status END,
        held = false,
        outcome = CASE WHEN e.status = 'pending' THEN 'suppressed' ELSE 'opted_out' END,
        message_2_status = CASE WHEN e.message_2_status = 'pending' THEN 'suppressed' ELSE e.message_2_status END,
        reason = :reason, closed_at = now()
    FROM these
    WHERE e.tenant_id = :tenant_id AND e.campaign_id = these.campaign_id AND e.contact_id = these.contact_id
      AND e.status NOT IN ('sending', 'unknown')
      AND (e.message_2_status IS NULL OR e.message_2_status NOT IN ('sending', 'unknown'))
    RETURNING e.campaign_id, e.contact_id, e.launched_at IS NOT NULL AS launched
""")
_IN_FLIGHT = text("""
    SELECT e.campaign_id, e.contact_id
    FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    WHERE e.tenant_id = :tenant_id AND c.phone = ANY(:phones) AND e.closed_at IS NULL
""")

REASON = "The person asked not to be written to."


async def was_said_last(session: AsyncSession, tenant_id: UUID, phone: str, word: OptWord, at: datetime) -> bool:
    """Whether an opt word of a person, said at this time, is the last one; nobody else changes that before the commit.

    What an operator suppressed counts as said when it was done.
    """
    named = {"tenant_id": tenant_id, "phones": spellings(phone)}
    stands_since: datetime | None = (await session.execute(_STANDS_SINCE, named)).scalar_one()
    return is_last_word(word, at, stands_since)


async def suppress(
    session: AsyncSession,
    tenant_id: UUID,
    phones: list[str],
    source: str,
    note: str | None = None,
    *,
    at: datetime | None = None,
) -> list[Signal]:
    """Puts phones (E.164) on the suppression list and ends what was planned for them; tells their workflows.

    It stands since `at`, or since now, and for every spelling of a phone, whichever of them is on the list.
    A message whose call is under way is not taken back; its enrollment ends as soon as the call is settled.
    """
    listed, held = sorted(set(phones)), _every_spelling(phones)
    named = {"tenant_id": tenant_id, "phones": held}
    await session.execute(_MARK_STOPPED, {**named, "at": at})
    await session.execute(_SUPPRESS, {"tenant_id": tenant_id, "phones": listed, "source": source, "note": note})
    ended = (await session.execute(_END, {**named, "reason": REASON})).all()
    in_flight = (await session.execute(_IN_FLIGHT, named)).all()
    await refuse_held_to(session, tenant_id, held, REASON)
    return [
        Signal(
            workflow_id=ids.enrollment_workflow_id(row.campaign_id, row.contact_id),
            name=SignalName.STOP,
            stop=StopRequest(reason="opted_out"),
        )
        for row in [*(row for row in ended if row.launched), *in_flight]
    ]


async def unsuppress(session: AsyncSession, tenant_id: UUID, phones: list[str], *, at: datetime | None = None) -> int:
    """Takes phones in every spelling off the list and returns how many were on it. What was ended stays ended.

    `at` is when the person said START. An operator says nothing for a person: with None no word stands any more, so
    that a STOP is heeded however late it is processed.
    """
    named = {"tenant_id": tenant_id, "phones": _every_spelling(phones)}
    await session.execute(_MARK_STARTED, {**named, "at": at})
    gone = await session.execute(
        text("DELETE FROM suppressions WHERE tenant_id = :tenant_id AND phone = ANY(:phones) RETURNING id"), named
    )
    return len(gone.all())


def _every_spelling(phones: list[str]) -> list[str]:
    return sorted({spelling for phone in phones for spelling in spellings(phone)})
