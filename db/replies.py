"""What a person writes: the message, the campaign that it answers, and opt-outs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlmodel.ext.asyncio.session import AsyncSession

from db.optouts import suppress, unsuppress, was_said_last
from domain import ids
from domain.inbound import TextFact
from domain.optout import OptWord, classify, said_at
from domain.phone_spellings import other_spelling, spellings
from domain.signals import ReplyReceived, Signal, SignalName

Run = Callable[..., Awaitable[Sequence[Any]]]
"""Runs a statement with its values ($1, $2 …) in a transaction and gives its rows."""

FIRST_OF_EVENT = 10
"""The number of the first parameter of an `event` (see `_recording`)."""


_OWN_SPELLING = "(CAST($3 AS varchar[]))[1]"
_KNOWN_SPELLING = f"""
    coalesce((
        SELECT known.phone FROM contacts known WHERE known.tenant_id = $1 AND known.phone = ANY(CAST($3 AS varchar[]))
        ORDER BY EXISTS (SELECT FROM enrollments e WHERE e.tenant_id = $1 AND e.contact_id = known.id
                         AND e.channel_id = $2 AND e.status <> 'pending') DESC,
                 known.phone = {_OWN_SPELLING} DESC
        LIMIT 1
    ), {_OWN_SPELLING})
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class Recording:
    """The statement that keeps a text, for a writer whose number has one spelling, as nearly all have, and for others.

    Two, since one that looks at the number first would be planned anew each time, which doubles its cost.
    """

    one_spelling: str
    two_spellings: str

    def of(self, fact: TextFact) -> str:
        """The statement for this text."""
        return self.one_spelling if other_spelling(fact.phone) is None else self.two_spellings


def recording(event: str) -> Recording:
    """How a text is kept whose event is stored by `event`."""
    return Recording(_recording(event, _OWN_SPELLING), _recording(event, _KNOWN_SPELLING))


def _recording(event: str, phone: str) -> str:
    """The statement that keeps a text and finds what it answers. `event` gives `received_at`; if nothing, none is kept.

    The writer may be known by another spelling of the number ($3 has them all, the writer's own first). Of two contacts
    the one that this channel wrote to goes first: the other was made by a reply before spellings were known.
    A Message 1 that is out goes before one that is in flight, which may yet fail, and the reply would be lost with it.
    Of two texts that come at once, the second waits for the first one's contact and enrollment, and then finds the
    enrollment answered.
    """
    return f"""
        WITH event AS ({event}), contact AS (
            INSERT INTO contacts (id, tenant_id, phone, name)
            SELECT gen_random_uuid(), $1, {phone}, CAST($4 AS varchar) FROM event
            ON CONFLICT (tenant_id, phone) DO UPDATE SET name = coalesce(contacts.name, excluded.name)
            RETURNING id, phone
        ), message AS (
            INSERT INTO messages (id, tenant_id, channel_id, contact_id, direction, provider_message_id, body, media,
                                  status, occurred_at, created_at)
            SELECT gen_random_uuid(), $1, $2, contact.id, 'in', CAST($5 AS varchar), CAST($6 AS text),
                   CAST($7 AS jsonb), 'received', coalesce(CAST($8 AS timestamptz), event.received_at), now()
            FROM event CROSS JOIN contact
            ON CONFLICT ON CONSTRAINT messages_provider_key DO NOTHING
            RETURNING id
        ), awaiting AS (
            SELECT e.campaign_id
            FROM event CROSS JOIN contact CROSS JOIN message
            JOIN enrollments e ON e.tenant_id = $1 AND e.contact_id = contact.id
            JOIN campaigns c ON c.tenant_id = e.tenant_id AND c.id = e.campaign_id
            WHERE e.channel_id = $2 AND e.closed_at IS NULL AND e.replied_at IS NULL AND e.message_2_status IS NULL
              AND e.status IN ('sending', 'unknown', 'sent', 'delivered', 'read')
              AND (e.reply_deadline IS NULL OR e.reply_deadline >= event.received_at) AND CAST($9 AS boolean)
            ORDER BY e.message_1_at DESC NULLS LAST, e.launched_at DESC
            LIMIT 1 FOR NO KEY UPDATE OF e
        )
        SELECT event.received_at, contact.id, contact.phone, message.id, awaiting.campaign_id,
               EXISTS (SELECT FROM enrollments e WHERE e.tenant_id = $1 AND e.contact_id = contact.id
                       AND e.channel_id = $2 AND e.status <> 'pending')
        FROM event CROSS JOIN contact LEFT JOIN message ON true LEFT JOIN awaiting ON true
    """  # noqa: S608 - put together from constants


_RECORD = recording(f"SELECT CAST(${FIRST_OF_EVENT} AS timestamptz) AS received_at")
_LATEST = """
    SELECT e.campaign_id, e.status, e.replied_at, e.reply_deadline FROM enrollments e
    WHERE e.tenant_id = $1 AND e.contact_id = $2 AND e.channel_id = $3 AND e.status <> 'pending'
    ORDER BY coalesce(e.message_1_at, 'infinity') DESC LIMIT 1
"""
_UNCOUNTED = """
    INSERT INTO interactions (id, tenant_id, campaign_id, contact_id, message_id, counted, reason, received_at)
    VALUES (gen_random_uuid(), $1, $2, $3, $4, false, $6, $5)
"""
_ANSWERED = """
    WITH answered AS (
        UPDATE enrollments SET replied_at = $5 WHERE tenant_id = $1 AND campaign_id = $2 AND contact_id = $3
    )
    INSERT INTO interactions (id, tenant_id, campaign_id, contact_id, message_id, counted, received_at)
    VALUES ($6, $1, $2, $3, $4, true, $5)
"""
_COUNTED = """
    SELECT i.id, i.campaign_id, i.contact_id, i.received_at FROM interactions i
    JOIN messages m ON m.tenant_id = i.tenant_id AND m.id = i.message_id
    WHERE m.tenant_id = $1 AND m.channel_id = $2 AND m.direction = 'in' AND m.provider_message_id = $3 AND i.counted
"""


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A new text, where it belongs, and the campaign that it answers, if any."""

    tenant_id: UUID
    channel_id: UUID
    received_at: datetime
    contact_id: UUID
    phone: str
    message_id: UUID
    campaign_id: UUID | None
    was_written_to: bool


async def record_text(
    session: AsyncSession, tenant_id: UUID, channel_id: UUID, fact: TextFact, received_at: datetime
) -> list[Signal]:
    """Records a text once and says which workflows to tell; a repeat says the same again."""
    run = in_session(session)
    meaning = classify(fact.text)
    values = (*values_of(tenant_id, channel_id, fact), meaning != "stop", received_at)
    [row] = await run(_RECORD.of(fact), *values)
    recorded = _recorded(tenant_id, channel_id, row)
    if recorded is None:
        return await _tell_again(run, tenant_id, channel_id, fact)
    match meaning:
        case "stop":
            await _note_uncounted(run, recorded, "opt-out")
            return await _heed(session, recorded, "stop", fact)
        case "start":
            await _heed(session, recorded, "start", fact)
    return await _answer(run, recorded)


async def _heed(session: AsyncSession, recorded: _Recorded, word: OptWord, fact: TextFact) -> list[Signal]:
    """Lets an opt word take effect, unless one that was said later did so before."""
    tenant_id, phone = recorded.tenant_id, recorded.phone
    at = said_at(fact.occurred_at, recorded.received_at)
    if not await was_said_last(session, tenant_id, phone, word, at):
        return []
    if word == "stop":
        return await suppress(session, tenant_id, [phone], "opt_out", f"wrote: {fact.text.strip()[:40]}", at=at)
    await unsuppress(session, tenant_id, [phone], at=at)
    return []


async def answer_or_tell_again(
    run: Run, tenant_id: UUID, channel_id: UUID, fact: TextFact, row: Sequence[Any]
) -> list[Signal]:
    """What follows for a text that is neither STOP nor START from the row that `recording` gave."""
    recorded = _recorded(tenant_id, channel_id, row)
    if recorded is None:
        return await _tell_again(run, tenant_id, channel_id, fact)
    return await _answer(run, recorded)


def values_of(tenant_id: UUID, channel_id: UUID, fact: TextFact) -> tuple[object, ...]:
    """The first eight values of `recording`; then comes whether the text may be an answer, then the event's own."""
    media = None if fact.media is None else json.dumps(fact.media)
    of_text = (spellings(fact.phone), fact.name, fact.provider_message_id, fact.text, media, fact.occurred_at)
    return tenant_id, channel_id, *of_text


def in_session(session: AsyncSession) -> Run:
    """Statements in a session's transaction."""

    async def run(statement: str, *values: object) -> Sequence[Any]:
        result = await (await session.connection()).exec_driver_sql(statement, values)
        return result.all() if result.returns_rows else []

    return run


def _recorded(tenant_id: UUID, channel_id: UUID, row: Sequence[Any]) -> _Recorded | None:
    """The new text; None for one that was there."""
    received_at, contact_id, phone, message_id, campaign_id, was_written_to = row
    if message_id is None:
        return None
    return _Recorded(tenant_id, channel_id, received_at, contact_id, phone, message_id, campaign_id, was_written_to)


async def _answer(run: Run, recorded: _Recorded) -> list[Signal]:
    """Counts the text for the latest Message 1 in its window that has no Message 2."""
    if recorded.campaign_id is None:
        await _note_uncounted(run, recorded, None)
        return []
    interaction_id = uuid4()
    await run(_ANSWERED, *_places(recorded, recorded.campaign_id), interaction_id)
    return [_reply(recorded.campaign_id, recorded.contact_id, interaction_id, recorded.received_at)]


def _places(recorded: _Recorded, campaign_id: UUID) -> tuple[object, ...]:
    return recorded.tenant_id, campaign_id, recorded.contact_id, recorded.message_id, recorded.received_at


def _reply(campaign_id: UUID, contact_id: UUID, interaction_id: UUID, received_at: datetime) -> Signal:
    return Signal(
        workflow_id=ids.enrollment_workflow_id(campaign_id, contact_id),
        name=SignalName.REPLY_RECEIVED,
        reply=ReplyReceived(interaction_id=interaction_id, received_at=received_at),
    )


async def _note_uncounted(run: Run, recorded: _Recorded, reason: str | None) -> None:
    """Holds a text that opens nothing against the contact's latest campaign, with the reason why not."""
    if not recorded.was_written_to:
        return
    latest = await run(_LATEST, recorded.tenant_id, recorded.contact_id, recorded.channel_id)
    for campaign_id, status, replied_at, deadline in latest:
        why = reason or _why_not(status, replied_at, deadline, recorded.received_at)
        await run(_UNCOUNTED, *_places(recorded, campaign_id), why)


def _why_not(status: str, replied_at: datetime | None, deadline: datetime | None, received_at: datetime) -> str:
    if replied_at is not None:
        return "a repeat: this campaign already has its reply"
    if status not in ("sent", "delivered", "read"):
        return f"Message 1 is {status}"
    if deadline is not None and received_at > deadline:
        return "after the reply window"
    return "the campaign had ended for this contact"


async def _tell_again(run: Run, tenant_id: UUID, channel_id: UUID, fact: TextFact) -> list[Signal]:
    """The text is on record; its signal may have been lost, and a repeated one is harmless.

    A STOP is not applied again: a START may have come after it, and what it ended is ended in the database.
    """
    rows = await run(_COUNTED, tenant_id, channel_id, fact.provider_message_id)
    return [_reply(campaign_id, contact_id, id_, received_at) for id_, campaign_id, contact_id, received_at in rows]
