"""What a person writes: the message, the campaign that it answers, and opt-outs."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.optouts import suppress, unsuppress
from domain import ids
from domain.inbound import TextFact
from domain.optout import classify
from domain.signals import ReplyReceived, Signal, SignalName

_CONTACT = text("""
    INSERT INTO contacts (id, tenant_id, phone, name) VALUES (gen_random_uuid(), :tenant_id, :phone, :name)
    ON CONFLICT (tenant_id, phone) DO UPDATE SET name = coalesce(contacts.name, excluded.name)
    RETURNING id
""")
_MESSAGE = text("""
    INSERT INTO messages (id, tenant_id, channel_id, contact_id, direction, provider_message_id, body, media, status,
                          occurred_at, created_at)
    VALUES (:id, :tenant_id, :channel_id, :contact_id, 'in', :provider_message_id, :body, CAST(:media AS jsonb),
            'received', :occurred_at, now())
    ON CONFLICT ON CONSTRAINT messages_provider_key DO NOTHING
    RETURNING id
""")
# Of two texts that come at once, the second waits here and then finds the enrollment answered. A Message 1 that is out
# goes before one that is in flight: that one may yet fail, and the reply would be lost with it.
_AWAITING = text("""
    SELECT e.campaign_id FROM enrollments e JOIN campaigns c ON c.tenant_id = e.tenant_id AND c.id = e.campaign_id
    WHERE e.tenant_id = :tenant_id AND e.contact_id = :contact_id AND e.channel_id = :channel_id
      AND e.closed_at IS NULL AND e.replied_at IS NULL AND e.message_2_status IS NULL
      AND e.status IN ('sending', 'unknown', 'sent', 'delivered', 'read')
      AND (e.reply_deadline IS NULL OR e.reply_deadline >= :received_at)
    ORDER BY e.message_1_at DESC NULLS LAST, e.launched_at DESC
    LIMIT 1 FOR NO KEY UPDATE OF e
""")
_LATEST = text("""
    SELECT e.campaign_id, e.status, e.replied_at, e.reply_deadline, e.closed_at, e.outcome FROM enrollments e
    WHERE e.tenant_id = :tenant_id AND e.contact_id = :contact_id AND e.channel_id = :channel_id
      AND e.status <> 'pending'
    ORDER BY coalesce(e.message_1_at, 'infinity') DESC LIMIT 1
""")
_INTERACTION = text("""
    INSERT INTO interactions (id, tenant_id, campaign_id, contact_id, message_id, counted, reason, received_at)
    VALUES (:id, :tenant_id, :campaign_id, :contact_id, :message_id, :counted, :reason, :received_at)
""")
_ANSWERED = text("""
    UPDATE enrollments SET replied_at = :received_at
    WHERE tenant_id = :tenant_id AND campaign_id = :campaign_id AND contact_id = :contact_id
""")
_COUNTED = text("""
    SELECT i.id, i.campaign_id, i.received_at FROM interactions i
    JOIN messages m ON m.tenant_id = i.tenant_id AND m.id = i.message_id
    WHERE m.tenant_id = :tenant_id AND m.channel_id = :channel_id AND m.direction = 'in'
      AND m.provider_message_id = :provider_message_id AND i.counted
""")


@dataclass(frozen=True, slots=True)
class _Received:
    """One text and where it belongs."""

    tenant_id: UUID
    channel_id: UUID
    contact_id: UUID
    message_id: UUID
    received_at: datetime

    def named(self) -> dict[str, object]:
        return {
            "tenant_id": self.tenant_id,
            "channel_id": self.channel_id,
            "contact_id": self.contact_id,
            "message_id": self.message_id,
            "received_at": self.received_at,
        }


async def record_text(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, fact: TextFact, received_at: datetime
) -> list[Signal]:
    """Records a text once and says which workflows to tell; a repeat says the same again."""
    named = {"tenant_id": tenant_id, "channel_id": channel_id, "phone": fact.phone, "name": fact.name}
    contact_id: UUID = (await session.execute(_CONTACT, named)).scalar_one()
    message_id = await _keep(session, tenant_id, channel_id, contact_id, fact, received_at)
    if message_id is None:
        return await _tell_again(session, tenant_id, channel_id, contact_id, fact)
    received = _Received(tenant_id, channel_id, contact_id, message_id, received_at)
    match classify(fact.text):
        case "stop":
            await _note_uncounted(session, received, "opt-out")
            return await suppress(session, tenant_id, [fact.phone], "opt_out", f"wrote: {fact.text.strip()[:40]}")
        case "start":
            await unsuppress(session, tenant_id, [fact.phone])
    return await _answer(session, received)


async def _keep(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, contact_id: UUID, fact: TextFact, received_at: datetime
) -> UUID | None:
    row = await session.execute(
        _MESSAGE,
        {
            "id": uuid4(),
            "tenant_id": tenant_id,
            "channel_id": channel_id,
            "contact_id": contact_id,
            "provider_message_id": fact.provider_message_id,
            "body": fact.text,
            "media": None if fact.media is None else json.dumps(fact.media),
            "occurred_at": fact.occurred_at or received_at,
        },
    )
    message_id: UUID | None = row.scalar_one_or_none()
    return message_id


async def _answer(session: AsyncSession, received: _Received) -> list[Signal]:
    """Counts the text for the latest Message 1 in its window that has no Message 2."""
    campaign_id = (await session.execute(_AWAITING, received.named())).scalar_one_or_none()
    if campaign_id is None:
        await _note_uncounted(session, received, None)
        return []
    interaction_id = uuid4()
    named = {**received.named(), "campaign_id": campaign_id}
    await session.execute(_ANSWERED, named)
    await session.execute(_INTERACTION, {**named, "id": interaction_id, "counted": True, "reason": None})
    return [_reply(campaign_id, received.contact_id, interaction_id, received.received_at)]


def _reply(campaign_id: UUID, contact_id: UUID, interaction_id: UUID, received_at: datetime) -> Signal:
    return Signal(
        workflow_id=ids.enrollment_workflow_id(campaign_id, contact_id),
        name=SignalName.REPLY_RECEIVED,
        reply=ReplyReceived(interaction_id=interaction_id, received_at=received_at),
    )


async def _note_uncounted(session: AsyncSession, received: _Received, reason: str | None) -> None:
    """Holds a text that opens nothing against the contact's latest campaign, with the reason why not."""
    latest = (await session.execute(_LATEST, received.named())).one_or_none()
    if latest is None:
        return
    why = reason or _why_not(latest.status, latest.replied_at, latest.reply_deadline, received.received_at)
    named = {**received.named(), "campaign_id": latest.campaign_id}
    await session.execute(_INTERACTION, {**named, "id": uuid4(), "counted": False, "reason": why})


def _why_not(status: str, replied_at: datetime | None, deadline: datetime | None, received_at: datetime) -> str:
    if replied_at is not None:
        return "a repeat: this campaign already has its reply"
    if status not in ("sent", "delivered", "read"):
        return f"Message 1 is {status}"
    if deadline is not None and received_at > deadline:
        return "after the reply window"
    return "the campaign had ended for this contact"


async def _tell_again(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, contact_id: UUID, fact: TextFact
) -> list[Signal]:
    """The text is on record; its signal may have been lost, and a repeated one is harmless.

    A STOP is not applied again: a START may have come after it, and what it ended is ended in the database.
    """
    named = {"tenant_id": tenant_id, "channel_id": channel_id, "provider_message_id": fact.provider_message_id}
    rows = (await session.execute(_COUNTED, named)).all()
    return [_reply(row.campaign_id, contact_id, row.id, row.received_at) for row in rows]
