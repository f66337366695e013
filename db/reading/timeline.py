"""Everything that happened to one contact, from five tables, in the order in which it happened."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, literal, tuple_, union_all
from sqlalchemy import select as core_select
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from db.reading.contacts import IN_ANY_SPELLING
from db.tables import ActionLogLine, Contact, Delivery, Enrollment, Interaction, Message, Suppression

EntryKind = Literal["launched", "message_in", "message_out", "action", "interaction", "suppressed", "ended"]
"""What a line of the timeline tells. `launched` and `ended` are the two ends of one campaign."""

Position = tuple[datetime, str, str]
"""When, kind, key: where a line stands; the last two make the order total."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `detail` has the fields of its kind as `_branches` names them."""

    at: datetime
    kind: EntryKind
    key: str
    detail: dict[str, Any]

    @property
    def position(self) -> Position:
        """What to ask the next page with."""
        return (self.at, self.kind, self.key)


async def read_timeline(session: AsyncSession, contact_id: UUID, *, after: Position | None, limit: int) -> list[Entry]:
    """The contact's history, oldest first; `after` is the position of the last line already seen."""
    lines = union_all(*_branches(contact_id)).subquery()
    # Compared and sorted byte by byte: the order of a cursor must not hang on the database's language.
    place = tuple_(lines.c.at, lines.c.kind.collate("C"), lines.c.key.collate("C"))
    query = core_select(lines.c.at, lines.c.kind, lines.c.key, lines.c.detail).order_by(place).limit(limit)
    if after is not None:
        query = query.where(place > after)
    return [Entry(*row) for row in await session.execute(query)]


Line = Select[tuple[datetime, str, str, dict[str, Any]]]


def _line(kind: str | ColumnElement[str], at: Any, key: Any, **detail: Any) -> Line:
    pairs = [part for name, value in detail.items() for part in (literal(name, String), value)]
    return core_select(
        col(at).label("at"),
        (literal(kind, String) if isinstance(kind, str) else kind).label("kind"),
        cast(key, String).label("key"),
        cast(func.jsonb_build_object(*pairs), JSONB).label("detail"),
    )


def _branches(contact_id: UUID) -> list[Line]:
    return [
        _messages(contact_id),
        _actions(contact_id),
        _interactions(contact_id),
        _suppressions(contact_id),
        *_enrollments(contact_id),
    ]


def _messages(contact_id: UUID) -> Line:
    return _line(
        case((col(Message.direction) == "in", literal("message_in")), else_=literal("message_out")),
        Message.occurred_at,
        Message.id,
        message_id=Message.id,
        channel_id=Message.channel_id,
        delivery_id=Message.delivery_id,
        body=Message.body,
        media=Message.media,
        status=Message.status,
    ).where(col(Message.contact_id) == contact_id)


def _actions(contact_id: UUID) -> Line:
    # The delivery keeps the limit that bound last: it is this line's only where the reason is still the same.
    same_reason = and_(
        col(Delivery.id) == ActionLogLine.delivery_id,
        col(Delivery.reason).is_not_distinct_from(ActionLogLine.reason),
    )
    return (
        _line(
            "action",
            ActionLogLine.executed_at,
            func.lpad(cast(ActionLogLine.id, String), 20, "0"),
            delivery_id=ActionLogLine.delivery_id,
            campaign_id=ActionLogLine.campaign_id,
            action=ActionLogLine.action,
            status=ActionLogLine.status,
            reason=ActionLogLine.reason,
            limit=Delivery.limit_name,
            scheduled_at=ActionLogLine.scheduled_at,
        )
        .select_from(ActionLogLine)
        .outerjoin(Delivery, same_reason)
        .where(col(ActionLogLine.contact_id) == contact_id)
    )


def _interactions(contact_id: UUID) -> Line:
    return _line(
        "interaction",
        Interaction.received_at,
        Interaction.id,
        campaign_id=Interaction.campaign_id,
        message_id=Interaction.message_id,
        counted=Interaction.counted,
        reason=Interaction.reason,
    ).where(col(Interaction.contact_id) == contact_id)


def _suppressions(contact_id: UUID) -> Line:
    return (
        _line(
            "suppressed",
            Suppression.created_at,
            Suppression.id,
            source=Suppression.source,
            note=Suppression.note,
        )
        .join(Contact, and_(col(Contact.tenant_id) == Suppression.tenant_id, IN_ANY_SPELLING))
        .where(col(Contact.id) == contact_id)
    )


def _enrollments(contact_id: UUID) -> list[Line]:
    launched = _line("launched", Enrollment.launched_at, Enrollment.campaign_id, campaign_id=Enrollment.campaign_id)
    ended = _line(
        "ended",
        Enrollment.closed_at,
        Enrollment.campaign_id,
        campaign_id=Enrollment.campaign_id,
        outcome=Enrollment.outcome,
        reason=Enrollment.reason,
    )
    return [
        launched.where(col(Enrollment.contact_id) == contact_id, col(Enrollment.launched_at).is_not(None)),
        ended.where(col(Enrollment.contact_id) == contact_id, col(Enrollment.closed_at).is_not(None)),
    ]
