"""Channels: how they are, connecting one, changing, pausing and resuming it."""

import secrets
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query
from pydantic import ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.pagination import PageQuery
from api.platforms import Platform
from api.routes import channels
from api.routes.channel_shapes import ChannelChange, ChannelOut, Credentials
from api.ui.channel_forms import (
    FOUND,
    NO_WORKER,
    CredentialsForm,
    LimitsForm,
    NewChannelForm,
    wrong_fields,
)
from api.ui.languages import _
from api.ui.rendering import fragment, page
from api.ui.visits import Administrator, Operator, Viewer, Visit
from db.reading.deliveries import count_waiting
from domain.statuses import ChannelStatus, DeliveryStatus
from workflows.handles import EngineUnavailable
from workflows.ports import Finding

COUNTED_TO = 10_000
STATES: dict[ChannelStatus, str] = {
    ChannelStatus.ACTIVE: _("Active"),
    ChannelStatus.PAUSED: _("Paused"),
    ChannelStatus.CREDENTIALS_EXPIRED: _("API key refused"),
    ChannelStatus.BLOCKED: _("Account blocked"),
}
DONE: dict[str, str] = {
    "saved": _("Saved."),
    "credentials": _("The account was tested and the new API key is in use."),
    "paused": _("The channel is paused."),
    "resumed": _("The channel is active; what it held goes on."),
}
Cursor = Annotated[str | None, Query(max_length=500, pattern=r"^[A-Za-z0-9_-]*$")]

router = APIRouter()


@router.get("/channels")
async def show_list(visit: Viewer, cursor: Cursor = None) -> HTMLResponse:
    """Channels, newest first."""
    found = await channels.list_page(PageQuery(cursor=cursor or None), visit.caller)
    return page(visit, "channels/list.html", channels=found.items, next_cursor=found.next_cursor, states=STATES)


@router.get("/channels/new")
async def show_new(visit: Administrator) -> HTMLResponse:
    """The form that connects an account."""
    return page(visit, "channels/new.html", form=NewChannelForm.empty(visit.time_zone), errors={})


@router.post("/channels/new")
async def connect(visit: Administrator, form: Annotated[NewChannelForm, Form()]) -> HTMLResponse:
    """Tests the account, then saves the channel; the whole webhook address is shown this once."""
    try:
        wanted = form.channel
    except ValidationError as error:
        return _new(visit, form, wrong_fields(error))
    if errors := await _tested(visit, wanted.credentials):
        return _new(visit, form, errors)
    made = await channels.connect(wanted, replace(visit.caller, idempotency_key=form.once or None))
    return page(visit, "channels/connected.html", channel=made)


def _new(visit: Visit, form: NewChannelForm, errors: dict[str, str]) -> HTMLResponse:
    typed = form.model_copy(update={"token": ""})
    return page(visit, "channels/new.html", status=422, form=typed, errors=errors)


async def _tested(visit: Visit, credentials: Credentials) -> dict[str, str]:
    """What is wrong with the account, by field; nothing where it can send."""
    sealed = visit.services.secrets.seal_document(credentials.model_dump())
    try:
        found = await visit.caller.workflows.check_channel(visit.caller.tenant_id, Platform.WASSENGER, sealed)
    except EngineUnavailable:
        return {"": NO_WORKER}
    if found.finding == Finding.READY:
        return {}
    field, said = FOUND[found.finding]
    return {field: said}


@router.get("/channels/{channel_id}")
async def show(visit: Viewer, channel_id: UUID, done: str = "") -> HTMLResponse:
    """One channel."""
    channel = await channels.show(channel_id, visit.caller)
    return await _page(visit, channel, done=DONE.get(done, ""))


@router.get("/channels/{channel_id}/health")
async def show_health(visit: Viewer, channel_id: UUID) -> HTMLResponse:
    """The figures alone, for a page that is open."""
    channel = await channels.show(channel_id, visit.caller)
    held = await _held(visit, channel_id)
    return HTMLResponse(fragment(visit, "channels/health.html", channel=channel, held=held, **WORDS))


WORDS = {"states": STATES, "counted_to": COUNTED_TO}


async def _held(visit: Visit, channel_id: UUID) -> int:
    async with visit.caller.transaction() as session:
        return await count_waiting(session, channel_id, DeliveryStatus.HELD, at_most=COUNTED_TO)


async def _page(
    visit: Visit,
    channel: ChannelOut,
    *,
    form: LimitsForm | None = None,
    device_id: str = "",
    errors: dict[str, str] | None = None,
    done: str = "",
    webhook_url: str = "",
) -> HTMLResponse:
    return page(
        visit,
        "channels/show.html",
        status=422 if errors else 200,
        channel=channel,
        held=await _held(visit, channel.id),
        form=form or LimitsForm.of(channel),
        device_id=device_id,
        errors=errors or {},
        done=done,
        webhook_url=webhook_url,
        **WORDS,
    )


@router.post("/channels/{channel_id}")
async def change(visit: Administrator, channel_id: UUID, form: Annotated[LimitsForm, Form()]) -> Response:
    """Saves name, rate, quota and window; what is untouched is not written."""
    channel = await channels.show(channel_id, visit.caller)
    try:
        wanted = form.changes(channel)
    except ValidationError as error:
        return await _page(visit, channel, form=form, errors=wrong_fields(error))
    if wanted.model_fields_set:
        await channels.change(channel_id, wanted, visit.caller)
    return _back(channel_id, "saved")


@router.post("/channels/{channel_id}/credentials")
async def reconnect(visit: Administrator, channel_id: UUID, form: Annotated[CredentialsForm, Form()]) -> Response:
    """Tests the new credentials, then puts them into use."""
    channel = await channels.show(channel_id, visit.caller)
    try:
        wanted = ChannelChange.model_validate({"credentials": form.credentials})
    except ValidationError as error:
        return await _page(visit, channel, device_id=form.device_id, errors=wrong_fields(error))
    if errors := await _tested(visit, wanted.credentials):
        return await _page(visit, channel, device_id=form.device_id, errors=errors)
    await channels.change(channel_id, wanted, visit.caller)
    return _back(channel_id, "credentials")


@router.post("/channels/{channel_id}/webhook-secret")
async def renew_webhook_secret(visit: Administrator, channel_id: UUID) -> Response:
    """Another secret for the webhook address; the whole address is shown this once."""
    wanted = ChannelChange.model_validate({"webhook_secret": secrets.token_urlsafe(24)})
    changed = await channels.change(channel_id, wanted, visit.caller)
    return await _page(visit, changed, webhook_url=changed.webhook_url)


@router.post("/channels/{channel_id}/pause")
async def pause(visit: Operator, channel_id: UUID) -> Response:
    """Holds what is not yet handed to the platform."""
    await channels.pause(channel_id, visit.caller)
    return _back(channel_id, "paused")


@router.post("/channels/{channel_id}/resume")
async def resume(visit: Operator, channel_id: UUID) -> Response:
    """Makes it active and lets go what it held."""
    await channels.resume(channel_id, visit.caller)
    return _back(channel_id, "resumed")


def _back(channel_id: UUID, done: str) -> RedirectResponse:
    return RedirectResponse(f"/channels/{channel_id}?done={done}", status_code=303)
