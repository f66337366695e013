"""Pausing and resuming a channel: a question that says what comes of it, then the deed."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.routes import channels
from api.ui.rendering import page
from api.ui.routes.channels import COUNTED_TO, back, held_by
from api.ui.visits import Operator
from domain.statuses import ChannelStatus

router = APIRouter()


@router.get("/channels/{channel_id}/pause")
async def ask_pause(visit: Operator, channel_id: UUID) -> Response:
    """The question before a pause."""
    channel = await channels.show(channel_id, visit.caller)
    if channel.status != ChannelStatus.ACTIVE:
        return back(channel_id, _stopped(channel.status))
    return page(visit, "channels/confirm.html", channel=channel, order="pause")


@router.post("/channels/{channel_id}/pause")
async def pause(visit: Operator, channel_id: UUID) -> Response:
    """Holds what is not yet handed to the platform."""
    channel = await channels.pause_active(channel_id, visit.caller)
    return back(channel_id, _stopped(channel.status))


def _stopped(status: ChannelStatus) -> str:
    return "paused" if status == ChannelStatus.PAUSED else "stopped"


@router.get("/channels/{channel_id}/resume")
async def ask_resume(visit: Operator, channel_id: UUID) -> Response:
    """The question before a channel goes on."""
    channel = await channels.show(channel_id, visit.caller)
    if channel.status == ChannelStatus.ACTIVE:
        return back(channel_id, "resumed")
    async with visit.caller.transaction() as session:
        held = await held_by(session, channel_id)
    return page(visit, "channels/confirm.html", channel=channel, order="resume", held=held, counted_to=COUNTED_TO)


@router.post("/channels/{channel_id}/resume")
async def resume(visit: Operator, channel_id: UUID) -> Response:
    """Makes it active and lets go what it held."""
    await channels.resume(channel_id, visit.caller)
    return back(channel_id, "resumed")
