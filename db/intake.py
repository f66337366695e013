"""The quick road of a webhook: its event stored and recorded in one transaction of few statements.

What is rare takes the other one (db/inbound.py): receipts, opt-outs, repeats. Both record a text by db/replies.py.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4

from db.binding import Connection
from db.replies import record_plain_text
from domain.inbound import FACTS, IncomingEvent, TextFact
from domain.optout import classify
from domain.signals import Signal

# Nothing is stored when the channel's secrets are no longer those that the call was verified with. The event counts as
# processed at once; the transaction itself takes that back if somebody is to be told.
_STORE = """
    INSERT INTO inbound_events (id, tenant_id, channel_id, dedupe_key, event_name, raw, normalised, attempts,
                                processed_at)
    SELECT CAST($1 AS uuid), CAST($2 AS uuid), CAST($3 AS uuid), CAST($4 AS varchar), CAST($5 AS varchar),
           CAST($6 AS bytea), CAST($7 AS jsonb), 1, now()
    FROM channels WHERE tenant_id = $2 AND id = $3 AND webhook_secret = $8 AND signing_secret IS NOT DISTINCT FROM $9
    ON CONFLICT (tenant_id, channel_id, dedupe_key) DO NOTHING
    RETURNING received_at
"""
_UNPROCESSED = "UPDATE inbound_events SET processed_at = NULL WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Door:
    """A channel as its webhook's address stands for it: whose it is, and its secrets as they are kept."""

    tenant_id: UUID
    channel_id: UUID
    platform: str
    webhook_secret: bytes
    signing_secret: bytes | None


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A new event that is on record, and whom to tell; with nobody to tell it is done with."""

    event_id: UUID
    signals: list[Signal]


def quick_texts(event: IncomingEvent) -> list[TextFact] | None:
    """What people write in an event that may come by this road; None for one that may not."""
    texts = [fact for fact in event.facts if isinstance(fact, TextFact) and classify(fact.text) is None]
    return texts if len(texts) == len(event.facts) else None


async def take_quickly(
    connection: Connection, door: Door, event: IncomingEvent, texts: list[TextFact]
) -> TakenIn | None:
    """Stores and records a new event; None, with nothing done, for a repeat and where the door has changed."""
    event_id = uuid4()
    stored = await connection.fetchrow(
        _STORE,
        event_id,
        door.tenant_id,
        door.channel_id,
        event.dedupe_key,
        event.event_name,
        event.raw,
        f'{{"facts": {FACTS.dump_json(event.facts).decode()}}}',
        door.webhook_secret,
        door.signing_secret,
    )
    if stored is None:
        return None
    signals: list[Signal] = []
    for text in texts:
        signals += await record_plain_text(
            connection.fetch, door.tenant_id, door.channel_id, text, stored["received_at"]
        )
    if signals:
        await connection.execute(_UNPROCESSED, event_id)
    return TakenIn(event_id, signals)
