"""Campaigns: making, listing, showing, changing and watching them."""

from collections.abc import AsyncIterator, Collection
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlmodel.ext.asyncio.session import AsyncSession

from api.dependencies import Caller, Reader, ServicesDep, Writer
from api.pagination import Page, PageQuery, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.positions import BY_AGE
from api.problems import Conflict, NotFound, Unprocessable
from api.routes.campaign_shapes import (
    CampaignChange,
    CampaignOut,
    CampaignProgress,
    NewCampaign,
    PacingIn,
    campaign_out,
    campaign_progress,
)
from api.routing import api_router
from api.shapes import Search
from db.campaigns import change_campaign
from db.reading.campaigns import find_campaign, list_campaigns
from db.reading.channels import find_channel
from db.reading.progress import read_progress
from db.tables import Campaign
from domain.campaigns import ChangePacing
from domain.pacing import Pacing
from domain.statuses import CampaignStatus

OVER = frozenset({CampaignStatus.COMPLETED, CampaignStatus.CANCELLED})
DRAFT_ONLY = ("message_1", "message_2", "reply_window_seconds", "start_at", "pacing", "send_window", "variants")
"""Columns; the pacing of a campaign that is started is its workflow's."""
EVENT_SCHEMA = {
    "type": "object",
    "properties": {
        "event": {"const": "progress"},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}

router = api_router("campaigns", "campaigns")


class CampaignQuery(PageQuery):
    """The query parameters of the list."""

    search: Search | None = Field(default=None, description="Part of the name or of a message, in any case.")
    status: CampaignStatus | None = None
    channel_id: UUID | None = None


@router.post("", status_code=201)
async def create(body: NewCampaign, caller: Writer) -> CampaignProgress:
    """Make a campaign, as a draft. Its delay is the gap that the channel's rate leaves, unless said."""
    campaign_id = caller.new_id()
    async with caller.transaction() as session:
        # A repeat after a crash finds what the first run made.
        if await find_campaign(session, campaign_id) is None:
            session.add(await _draft(session, campaign_id, body, caller))
            await session.flush()
        return await shown(session, campaign_id)


async def _draft(session: AsyncSession, campaign_id: UUID, body: NewCampaign, caller: Caller) -> Campaign:
    view = await find_channel(session, body.channel_id)
    if view is None:
        raise Unprocessable.of("channel_id", "There is no such channel.")
    pacing = body.pacing.complete(view.channel.rate_per_second)
    return Campaign(
        id=campaign_id,
        tenant_id=caller.tenant_id,
        delay_seconds=pacing.delay_seconds,
        pacing=pacing.model_dump(),
        **body.model_dump(exclude={"pacing", "message_1", "variants"}),
        **_message_1(body.model_dump(include={"message_1", "variants"}, exclude_unset=True), None),
    )


def _message_1(said: dict[str, Any], before: Campaign | None) -> dict[str, Any]:
    """The columns of Message 1, which is one text or several variants; raises a 422 problem.

    With variants the text of the first one stands for Message 1 wherever one text is asked for.
    """
    variants = said.get("variants", before.variants if before is not None else None) or []
    if variants and said.get("message_1") is not None:
        raise Unprocessable.of("message_1", "The campaign has variants of Message 1; leave this out, or end the test.")
    if variants and "variants" in said:
        return {"variants": variants, "message_1": variants[0]["text"]}
    if before is None and "message_1" not in said:
        raise Unprocessable.of("message_1", "Field required: write Message 1, or variants of it.")
    return {name: said[name] or [] for name in ("message_1", "variants") if name in said}


@router.get("", dependencies=[ONCE_EACH])
async def list_page(query: Annotated[CampaignQuery, Query()], caller: Reader) -> Page[CampaignOut]:
    """List campaigns, newest first."""
    after = decode_cursor(query.cursor, BY_AGE)
    filters = query.model_dump(include={"search", "status", "channel_id"})
    async with caller.transaction() as session:
        rows = await list_campaigns(session, **filters, after=after, limit=query.limit + 1)
    page, cursor = page_of(rows, query.limit, lambda row: (row.created_at, row.id))
    return Page(items=[campaign_out(row) for row in page], next_cursor=cursor)


@router.get("/{campaign_id}")
async def show(campaign_id: UUID, caller: Reader) -> CampaignProgress:
    """Show one campaign and how far it is."""
    async with caller.transaction() as session:
        return await shown(session, campaign_id)


@router.patch("/{campaign_id}")
async def change(campaign_id: UUID, body: CampaignChange, caller: Writer) -> CampaignProgress:
    """Change a campaign. A new pacing reaches one that is started too, and takes effect with its next batch."""
    said = body.model_dump(exclude_unset=True, exclude={"pacing"})
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
        _refuse_unless_draft(campaign, said)
        pacing = _new_pacing(campaign, body)
    if pacing is not None and campaign.status == CampaignStatus.DRAFT:
        said |= {"pacing": pacing.model_dump(), "delay_seconds": pacing.delay_seconds}
    elif pacing is not None:
        # Outside of any transaction, since the campaign's workflow writes the same row; and first, since it may refuse.
        await caller.workflows.change_pacing(campaign_id, ChangePacing(pacing=pacing))
    async with caller.transaction() as session:
        locked = await found(session, campaign_id, lock=True)
        _refuse_unless_draft(locked, said)
        said |= _message_1(said, locked)
        if said:
            await change_campaign(session, campaign_id, said)
        return await shown(session, campaign_id)


def _refuse_unless_draft(campaign: Campaign, said: Collection[str]) -> None:
    late = ", ".join(name for name in DRAFT_ONLY if name in said)
    if late and campaign.status != CampaignStatus.DRAFT:
        raise Conflict(f"{late}: can be changed only while the campaign is a draft; it is {campaign.status}.")


def _new_pacing(campaign: Campaign, body: CampaignChange) -> Pacing | None:
    change: PacingIn | None = body.pacing if "pacing" in body.model_fields_set else None
    if change is None:
        return None
    if campaign.status in OVER:
        raise Conflict(f"The campaign is {campaign.status}; its pacing means nothing any more.")
    return change.applied_to(Pacing.model_validate(campaign.pacing))


@router.get(
    "/{campaign_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One `progress` event per change; its data is the body of `GET /api/campaigns/{id}`. "
            "The stream ends with the campaign.",
            "content": {"text/event-stream": {"schema": EVENT_SCHEMA}},
        }
    },
)
async def events(campaign_id: UUID, caller: Reader, services: ServicesDep) -> StreamingResponse:
    """Watch a campaign: server-sent events, the present state first."""
    async with caller.transaction() as session:
        await found(session, campaign_id)
    stream: AsyncIterator[bytes] = services.progress.events(caller.tenant_id, campaign_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def shown(session: AsyncSession, campaign_id: UUID) -> CampaignProgress:
    """The campaign's page; raises NotFound."""
    progress = await read_progress(session, campaign_id)
    if progress is None:
        raise NotFound("campaign")
    return campaign_progress(progress)


async def found(session: AsyncSession, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """The campaign's row, locked against changes when asked for; raises NotFound."""
    campaign = await find_campaign(session, campaign_id, lock=lock)
    if campaign is None:
        raise NotFound("campaign")
    return campaign
