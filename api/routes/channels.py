"""Channels: connecting an account, its limits and its health, pausing and resuming it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import case
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from api.dependencies import Administrator, Caller, Reader, Sender
from api.pagination import Page, PageQuery, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.positions import BY_AGE
from api.problems import NotFound, Unavailable
from api.routes.channel_shapes import ChannelChange, ChannelOut, NewChannel, channel_out
from api.routing import api_router
from db.reading.channels import ChannelView, find_channel, list_channels
from db.tables import Channel
from db.tables.columns import utc_now
from domain.statuses import ChannelStatus
from workflows.handles import EngineUnavailable

PAUSED_BY_OPERATOR = "Paused by an operator."
HEALTHY: dict[str, Any] = {"status_reason": None, "breaker": {}, "throttled_until": None}
LOOSENS = frozenset({"credentials", "rate_per_second", "daily_quota", "send_window"})
"""Changes after which a message that is held may go: the gate is asked again."""

router = api_router("channels", "channels")


@router.post("", status_code=201)
async def connect(body: NewChannel, caller: Administrator) -> ChannelOut:
    """Connect an account. `webhook_url` is what the platform is to call; the credentials never come back."""
    channel_id = caller.new_id()
    async with caller.transaction() as session:
        # A repeat after a crash finds what the first run made.
        if await find_channel(session, channel_id) is None:
            columns = body.columns(caller.services.secrets)
            session.add(Channel(id=channel_id, tenant_id=caller.tenant_id, **columns))
            await session.flush()
        view = await found(session, channel_id)
    return channel_out(view, caller.services.public_url, body.webhook_secret)


@router.get("", dependencies=[ONCE_EACH])
async def list_page(query: Annotated[PageQuery, Query()], caller: Reader) -> Page[ChannelOut]:
    """List channels, newest first."""
    after = decode_cursor(query.cursor, BY_AGE)
    async with caller.transaction() as session:
        rows = await list_channels(session, after=after, limit=query.limit + 1)
    shown, cursor = page_of(rows, query.limit, lambda view: (view.channel.created_at, view.channel.id))
    return Page(items=[channel_out(view, caller.services.public_url) for view in shown], next_cursor=cursor)


@router.get("/{channel_id}")
async def show(channel_id: UUID, caller: Reader) -> ChannelOut:
    """Show one channel with its health: status and why, breaker, throttle, quota used today."""
    async with caller.transaction() as session:
        view = await found(session, channel_id)
    return channel_out(view, caller.services.public_url)


@router.patch("/{channel_id}")
async def change(channel_id: UUID, body: ChannelChange, caller: Administrator) -> ChannelOut:
    """Change a channel. New credentials reconnect it (unless a person paused it) and let go what it held."""
    columns = body.columns(caller.services.secrets)
    if "credentials" in columns:
        columns |= {**HEALTHY, **_reconnected()}
    view = await _write(caller, channel_id, columns)
    if columns.keys() & LOOSENS:
        await _release(caller, channel_id)
    secret = body.webhook_secret if "webhook_secret" in body.model_fields_set else None
    return channel_out(view, caller.services.public_url, secret)


@router.post("/{channel_id}/pause")
async def pause(channel_id: UUID, caller: Sender) -> ChannelOut:
    """Pause a channel: what is not yet handed to the platform is held. Pausing a paused one changes nothing."""
    columns = {"status": ChannelStatus.PAUSED, "status_reason": PAUSED_BY_OPERATOR}
    return channel_out(await _write(caller, channel_id, columns), caller.services.public_url)


async def pause_active(channel_id: UUID, caller: Caller) -> ChannelOut:
    """Pauses a channel that is active; one that stopped by itself keeps its reason, and reconnects by a new key."""
    active = col(Channel.status) == ChannelStatus.ACTIVE
    columns = {
        "status": case((active, ChannelStatus.PAUSED), else_=Channel.status),
        "status_reason": case((active, PAUSED_BY_OPERATOR), else_=Channel.status_reason),
    }
    return channel_out(await _write(caller, channel_id, columns), caller.services.public_url)


@router.post("/{channel_id}/resume")
async def resume(channel_id: UUID, caller: Sender) -> ChannelOut:
    """Make a channel active, whatever had stopped it, and let go what it held. May be repeated."""
    view = await _write(caller, channel_id, {**HEALTHY, "status": ChannelStatus.ACTIVE})
    await _release(caller, channel_id)
    return channel_out(view, caller.services.public_url)


def _reconnected() -> dict[str, Any]:
    paused = col(Channel.status) == ChannelStatus.PAUSED
    return {
        "status": case((paused, ChannelStatus.PAUSED), else_=ChannelStatus.ACTIVE),
        "status_reason": case((paused, Channel.status_reason), else_=None),
    }


async def _write(caller: Caller, channel_id: UUID, columns: dict[str, Any]) -> ChannelView:
    async with caller.transaction() as session:
        changed = update(Channel).where(col(Channel.id) == channel_id).values(**columns, updated_at=utc_now())
        await session.exec(changed)
        return await found(session, channel_id)


async def found(session: AsyncSession, channel_id: UUID) -> ChannelView:
    """The channel. Raises NotFound."""
    view = await find_channel(session, channel_id)
    if view is None:
        raise NotFound("channel")
    return view


async def _release(caller: Caller, channel_id: UUID) -> None:
    try:
        await caller.workflows.release_channel(caller.tenant_id, channel_id)
    except EngineUnavailable as error:
        raise Unavailable(
            f"The channel is changed, but what it holds may not have been told to go on: {error} "
            "Then resume the channel."
        ) from error
