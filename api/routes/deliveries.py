"""Deliveries that wait for something: why, until when, and an operator's word on those of unknown outcome."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.dependencies import Reader, Sender
from api.pagination import Page, PageQuery, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.positions import BY_AGE
from api.problems import Conflict, NotFound
from api.routes.contact_shapes import reason_text
from api.routing import api_router
from api.shapes import Shape
from db.ledger.resolve import NotUnknown, mark_sent, order_resend
from db.reading.deliveries import DeliveryView, action_log_of, find_delivery, list_deliveries
from db.tables.columns import utc_now
from domain.statuses import DeliveryStatus

LOG_LINES_SHOWN = 200

router = api_router("deliveries", "deliveries")


class Waiting(StrEnum):
    """What a delivery waits for: an operator's word, the end of a hold, or the answer to a call that is under way."""

    UNKNOWN = "unknown"
    HELD = "held"
    SENDING = "sending"


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    status: Waiting | None = Field(default=None, description="Unknown and held ones when left out.")
    channel_id: UUID | None = None
    campaign_id: UUID | None = None


class DeliveryOut(BaseModel):
    """One intended message. `hold_until` is null for a hold that only a release ends."""

    id: UUID
    channel_id: UUID
    contact_id: UUID
    campaign_id: UUID | None
    phone: str
    kind: str
    status: str
    reason: str | None
    reason_text: str | None
    limit: str | None = Field(description="The limit that bound it last.")
    hold_until: datetime | None
    attempts: int
    provider_message_id: str | None
    scheduled_at: datetime | None
    sent_at: datetime | None
    created_at: datetime
    updated_at: datetime


class LogLine(BaseModel):
    """One line of the append-only log."""

    action: str
    status: str
    reason: str | None
    reason_text: str | None
    scheduled_at: datetime | None
    executed_at: datetime


class DeliveryDetail(DeliveryOut):
    """A delivery with its text and the latest lines of its log, oldest first."""

    body: str | None
    log: list[LogLine]


class Action(StrEnum):
    """What became of a message of unknown outcome, by an operator's word."""

    RESEND = "resend"
    MARK_SENT = "mark_sent"


class Resolution(Shape):
    """`resend`: it did not go out, send it. `mark_sent`: it did go out."""

    action: Action = Field(examples=["mark_sent"])


@router.get("", dependencies=[ONCE_EACH])
async def list_page(query: Annotated[DeliveryQuery, Query()], caller: Reader) -> Page[DeliveryOut]:
    """List deliveries that are held, of unknown outcome or under way, newest first."""
    statuses = [query.status] if query.status else [Waiting.UNKNOWN, Waiting.HELD]
    after = decode_cursor(query.cursor, BY_AGE)
    async with caller.transaction() as session:
        rows = await list_deliveries(
            session,
            statuses=statuses,
            channel_id=query.channel_id,
            campaign_id=query.campaign_id,
            after=after,
            limit=query.limit + 1,
        )
    shown, cursor = page_of(rows, query.limit, lambda view: (view.delivery.created_at, view.delivery.id))
    return Page(items=[delivery_out(view) for view in shown], next_cursor=cursor)


@router.get("/{delivery_id}")
async def show(delivery_id: UUID, caller: Reader) -> DeliveryDetail:
    """Show one delivery, whatever its state, with its log."""
    async with caller.transaction() as session:
        return await _detail(session, delivery_id)


@router.post("/{delivery_id}/resolve")
async def resolve(delivery_id: UUID, body: Resolution, caller: Sender) -> DeliveryDetail:
    """Settle a delivery of unknown outcome by hand. Any other state refuses (409)."""
    settle = order_resend if body.action == Action.RESEND else mark_sent
    async with caller.transaction() as session:
        view = await _found(session, delivery_id)
        if caller.after_a_crash and view.delivery.status != DeliveryStatus.UNKNOWN:
            return await _detail(session, delivery_id)
        try:
            signals = await settle(session, caller.tenant_id, delivery_id, utc_now())
        except NotUnknown as error:
            raise Conflict(str(error)) from error
        # Told before the commit: a repeat is refused, so a signal that got lost after it could never be sent again.
        # A workflow that hears it early waits for the row that this transaction has locked.
        await session.flush()
        await caller.workflows.deliver(signals)
    async with caller.transaction() as session:
        return await _detail(session, delivery_id)


async def _found(session: AsyncSession, delivery_id: UUID) -> DeliveryView:
    view = await find_delivery(session, delivery_id)
    if view is None:
        raise NotFound("delivery")
    return view


async def _detail(session: AsyncSession, delivery_id: UUID) -> DeliveryDetail:
    view = await _found(session, delivery_id)
    lines = await action_log_of(session, delivery_id, limit=LOG_LINES_SHOWN)
    log = [LogLine(**line.model_dump(), reason_text=reason_text(line.reason)) for line in lines]
    return DeliveryDetail(**delivery_out(view).model_dump(), body=view.delivery.body, log=log)


def delivery_out(view: DeliveryView) -> DeliveryOut:
    """The delivery as it is shown."""
    delivery = view.delivery
    return DeliveryOut.model_validate(
        {
            **delivery.model_dump(include=set(DeliveryOut.model_fields)),
            "phone": view.phone,
            "reason_text": reason_text(delivery.reason),
            "limit": delivery.limit_name,
        }
    )
