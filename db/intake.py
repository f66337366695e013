"""The quick road of a webhook: its event stored and recorded in one transaction of few statements.

What is rare takes the other one (db/inbound.py): receipts, opt-outs, repeats. Both record a text by db/replies.py.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4

from db.binding import Connection
from db.replies import FIRST_OF_EVENT, answer_or_tell_again, recording, values_of
from domain.inbound import FACTS, IncomingEvent, TextFact
from domain.optout import classify
from domain.signals import Signal


# Nothing is stored when the channel's secrets are no longer those that the call was verified with. The event counts as
# processed at once; the transaction itself takes that back if somebody is to be told.
def _storing(first: int) -> str:
    """Tenant and channel are $1 and $2; the event's own parameters are numbered from `first`."""
    id_, key, name, raw, normalised, webhook_secret, signing_secret = (f"${first + number}" for number in range(7))
    return f"""
        INSERT INTO inbound_events (id, tenant_id, channel_id, dedupe_key, event_name, raw, normalised, attempts,
                                    processed_at)
        SELECT CAST({id_} AS uuid), CAST($1 AS uuid), CAST($2 AS uuid), CAST({key} AS varchar), CAST({name} AS varchar),
               CAST({raw} AS bytea), CAST({normalised} AS jsonb), 1, now()
        FROM channels WHERE tenant_id = $1 AND id = $2 AND webhook_secret = {webhook_secret}
          AND signing_secret IS NOT DISTINCT FROM {signing_secret}
        ON CONFLICT (tenant_id, channel_id, dedupe_key) DO NOTHING
        RETURNING received_at
    """  # noqa: S608 - put together from constants


_STORE = _storing(3)
_STORE_AND_RECORD = recording(_storing(FIRST_OF_EVENT))
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


def is_quick(event: IncomingEvent) -> bool:
    """Whether an event may come by this road: one text that is a message to somebody, or what means nothing to us."""
    match event.facts:
        case []:
            return True
        case [TextFact() as text]:
            return classify(text.text) is None
    return False


async def take_quickly(connection: Connection, door: Door, event: IncomingEvent) -> TakenIn | None:
    """Stores and records a new quick event; None, with nothing done, for a repeat and for a door that has changed."""
    event_id = uuid4()
    whose = door.tenant_id, door.channel_id
    normalised = f'{{"facts": {FACTS.dump_json(event.facts).decode()}}}'
    told = (event.dedupe_key, event.event_name, event.raw, normalised)
    own = (event_id, *told, door.webhook_secret, door.signing_secret)
    texts = [fact for fact in event.facts if isinstance(fact, TextFact)]
    if not texts:
        stored = await connection.fetchrow(_STORE, *whose, *own)
        return None if stored is None else TakenIn(event_id, [])
    [text] = texts
    row = await connection.fetchrow(_STORE_AND_RECORD.of(text), *values_of(*whose, text), True, *own)
    if row is None:
        return None
    signals = await answer_or_tell_again(connection.fetch, *whose, text, tuple(row))
    if signals:
        await connection.execute(_UNPROCESSED, event_id)
    return TakenIn(event_id, signals)
