"""A platform's events in the domain's words: where the connectors' vocabulary ends."""

from uuid import UUID

from connectors.wassenger.inbound import InboundEvent, MediaRef, ParsedWebhook, ReceiptReceived, TextReceived
from domain.inbound import Fact, IncomingEvent, ReceiptFact, TextFact
from domain.phones import InvalidPhone, normalise_phone


def incoming_event(channel_id: UUID, parsed: ParsedWebhook, raw: bytes) -> IncomingEvent:
    """One webhook call as it is stored, with the facts that it brings (none: it is kept all the same)."""
    return IncomingEvent(
        channel_id=channel_id,
        dedupe_key=parsed.dedupe_key,
        event_name=parsed.event_name,
        raw=raw,
        facts=[fact for event in parsed.events if (fact := _fact(event)) is not None],
    )


def _fact(event: InboundEvent) -> Fact | None:
    if isinstance(event, TextReceived):
        return _text(event)
    return _receipt(event) if isinstance(event, ReceiptReceived) else None


def _text(event: TextReceived) -> TextFact | None:
    """None for what was written in a group or a newsletter, and where the writer is hidden: no contact's reply."""
    if not event.is_direct or event.from_phone is None:
        return None
    return TextFact(
        provider_message_id=event.provider_message_id,
        phone=_phone(event.from_phone),
        text=event.text,
        name=event.profile_name,
        occurred_at=event.occurred_at,
        media=_media(event.media) if event.media else None,
    )


def _phone(phone: str) -> str:
    """As contacts are kept. A number that no country's plan knows is still somebody's: it stays as it came."""
    try:
        return normalise_phone(phone)
    except InvalidPhone:
        return phone


def _media(media: MediaRef) -> dict[str, str | int | None]:
    return media.model_dump(exclude={"caption"})


def _receipt(event: ReceiptReceived) -> ReceiptFact:
    return ReceiptFact(
        provider_message_id=event.provider_message_id,
        wa_id=event.wa_id,
        reference=event.reference,
        status=event.status,
        reason=event.reason,
        occurred_at=event.occurred_at,
    )
