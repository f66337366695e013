"""Channels: how they are, connecting one, changing it."""

import secrets
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from api.pagination import PageQuery
from api.platforms import Platform
from api.routes import channels
from api.routes.channel_shapes import ChannelChange, ChannelOut, Credentials, channel_out
from api.streams import Hub
from api.ui.channel_forms import (
    FOUND,
    NO_WORKER,
    CredentialsForm,
    LimitsForm,
    NewChannelForm,
    wrong_fields,
)
from api.ui.languages import _
from api.ui.live import live, piece_of
from api.ui.once import done_once, made_once
from api.ui.questions import Question, ask
from api.ui.rendering import page
from api.ui.visits import Administrator, Viewer, ViewersPage, Visit
from db.engine import Database
from db.people import new_token
from db.reading.deliveries import count_waiting
from domain.statuses import ChannelStatus, DeliveryStatus
from workflows.handles import EngineUnavailable
from workflows.ports import Finding

COUNTED_TO = 10_000
HEALTH_SECONDS = 1.0
"""So often a channel is read whose page is open: what it holds is counted one by one."""

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
    "stopped": _("The channel had stopped already; its state below says why."),
    "resumed": _("The channel is active; what it held goes on."),
}
SECRET_MADE = _(
    "This form has made a new secret already, and the one before it is refused. If you did not see the whole new "
    "address, make another one."
)
Cursor = Annotated[str | None, Query(max_length=500, pattern=r"^[A-Za-z0-9_-]*$")]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Health:
    """All that is live on the page, at one instant."""

    channel: ChannelOut
    held: int
    last: bool = False

    @property
    def seen(self) -> object:
        """All of it."""
        return self.channel, self.held


HealthHub = Hub[tuple[UUID, UUID], Health]
WORDS = {"states": STATES, "counted_to": COUNTED_TO}
HEALTH = piece_of("channels/health.html", **WORDS)


def health_hub(database: Database, public_url: str) -> HealthHub:
    """The channels whose pages are open: all viewers of one share a poller."""

    async def read(key: tuple[UUID, UUID]) -> Health:
        tenant_id, channel_id = key
        async with database.tenant(tenant_id) as session:
            channel = channel_out(await channels.found(session, channel_id), public_url)
            return Health(channel, await held_by(session, channel_id))

    return Hub(read, poll_seconds=HEALTH_SECONDS)


async def held_by(session: AsyncSession, channel_id: UUID) -> int:
    """How many messages wait for this channel, counted up to COUNTED_TO."""
    return await count_waiting(session, channel_id, DeliveryStatus.HELD, at_most=COUNTED_TO)


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
    caller = replace(visit.caller, idempotency_key=form.once or None)
    made = await made_once(visit, form.once, ChannelOut, lambda: channels.connect(wanted, caller))
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


@router.get("/channels/{channel_id}/live")
async def watch(visit: ViewersPage, channel_id: UUID) -> StreamingResponse:
    """Its health as it changes."""
    async with visit.caller.transaction() as session:
        await channels.found(session, channel_id)
    hub: HealthHub = visit.request.app.state.channel_page
    return live(visit, hub, (visit.caller.tenant_id, channel_id), "health", HEALTH)


async def _page(
    visit: Visit,
    channel: ChannelOut,
    *,
    form: LimitsForm | None = None,
    device_id: str = "",
    errors: dict[str, str] | None = None,
    done: str = "",
    webhook_url: str = "",
    said: str = "",
) -> HTMLResponse:
    async with visit.caller.transaction() as session:
        health = Health(channel, await held_by(session, channel.id))
    return page(
        visit,
        "channels/show.html",
        status=422 if errors else 409 if said else 200,
        channel=channel,
        state=health,
        said=said,
        once=new_token(),
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
    return back(channel_id, "saved")


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
    return back(channel_id, "credentials")


@router.post("/channels/{channel_id}/webhook-secret")
async def renew_webhook_secret(
    visit: Administrator,
    channel_id: UUID,
    confirmed: Annotated[str, Form()] = "",
    once: Annotated[str, Form()] = "",
) -> Response:
    """Another secret for the webhook address; the whole address is shown this once, and a reload makes no other."""
    channel = await channels.show(channel_id, visit.caller)
    if not confirmed or not once:
        return _ask_new_secret(visit, channel)
    wanted = ChannelChange.model_validate({"webhook_secret": secrets.token_urlsafe(24)})
    changed = await done_once(visit, once, lambda: channels.change(channel_id, wanted, visit.caller))
    if changed is None:
        return await _page(visit, channel, said=SECRET_MADE)
    return await _page(visit, changed, webhook_url=changed.webhook_url)


def _ask_new_secret(visit: Visit, channel: ChannelOut) -> HTMLResponse:
    words = visit.say(
        "Make a new secret? Replies and receipts are refused until the new address is entered at the platform."
    )
    title, place = visit.say("Make a new secret"), f"/channels/{channel.id}"
    return ask(visit, Question(title, words, title, f"{place}/webhook-secret", place, [("once", new_token())]))


def back(channel_id: UUID, done: str) -> RedirectResponse:
    """To the channel's page, which says what was done."""
    return RedirectResponse(f"/channels/{channel_id}?done={done}", status_code=303)
