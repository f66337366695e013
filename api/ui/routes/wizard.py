"""The wizard's first step: what a campaign is called, which channel it goes by, how long it waits, when it begins."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from api.problems import Unprocessable
from api.routes.campaign_shapes import DEFAULT_WINDOW_SECONDS, CampaignChange, CampaignOut, NewCampaign
from api.routes.campaigns import change, create
from api.ui.languages import _
from api.ui.routes.wizard_steps import draft_of, errors_in, form_of, local_moment, number_of, onward, step_page
from api.ui.visits import Editor, Visit
from db.reading.channels import list_channels

FIRST_MESSAGE = _("Hello {{ first_name | default('there') }}, may we tell you about our offer? Just answer yes.")
SECOND_MESSAGE = _("Thank you! Here is what we promised.")
"""What a new draft says until somebody writes something better."""

WINDOW_UNITS = {"days": 86_400, "hours": 3600, "minutes": 60}
CHANNELS_SHOWN = 200

router = APIRouter()


@router.get("/campaigns/new")
async def new(visit: Editor) -> HTMLResponse:
    """The form of a campaign that is not there yet."""
    return await _page(visit, None, {**_window_fields(DEFAULT_WINDOW_SECONDS), "name": "", "start_at": ""})


@router.post("/campaigns/new")
async def make(visit: Editor) -> Response:
    """Makes the draft and goes on to its audience."""
    fields = await form_of(visit)
    values, errors = _basics(visit, fields)
    texts = {"message_1": visit.say(FIRST_MESSAGE), "message_2": visit.say(SECOND_MESSAGE)}
    try:
        asked = NewCampaign.model_validate({**values, **texts, "channel_id": fields.get("channel_id", "")})
        if not errors:
            return onward((await create(asked, visit.caller)).id, "audience")
    except (ValidationError, Unprocessable) as error:
        errors = errors_in(visit, error) | errors
    if "channel_id" in errors:
        errors["channel_id"] = visit.say("Choose a channel.")
    return await _page(visit, None, fields, errors=errors, status=422)


@router.get("/campaigns/{campaign_id}/setup/basics")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The form of a draft."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    start_at = _local(visit, draft)
    return await _page(
        visit, draft, {**_window_fields(draft.reply_window_seconds), "name": draft.name, "start_at": start_at}
    )


@router.post("/campaigns/{campaign_id}/setup/basics")
async def keep(visit: Editor, campaign_id: UUID) -> Response:
    """Keeps what was changed and goes on."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    fields = await form_of(visit)
    values, errors = _basics(visit, fields)
    try:
        asked = CampaignChange.model_validate(values)
        if not errors:
            await change(campaign_id, asked, visit.caller)
            return onward(campaign_id, "audience")
    except (ValidationError, Unprocessable) as error:
        errors = errors_in(visit, error) | errors
    return await _page(visit, draft, fields, errors=errors, status=422)


def _basics(visit: Visit, fields: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the form says, and what in it cannot be read."""
    values: dict[str, Any] = {"name": fields.get("name", ""), "start_at": None}
    window = number_of(fields.get("window", ""))
    unit = WINDOW_UNITS.get(fields.get("window_unit", ""), WINDOW_UNITS["hours"])
    values["reply_window_seconds"] = window * unit if isinstance(window, float) else fields.get("window", "")
    errors = {}
    try:
        values["start_at"] = local_moment(fields.get("start_at", ""), visit.time_zone)
    except ValueError:
        errors["start_at"] = visit.say("There is no such time: write a day and an hour, or leave this empty.")
    return values, errors


def _window_fields(seconds: float) -> dict[str, str]:
    unit = next((unit for unit, size in WINDOW_UNITS.items() if seconds % size == 0), "minutes")
    if unit == "days" and seconds == DEFAULT_WINDOW_SECONDS:
        unit = "hours"
    return {"window": f"{seconds / WINDOW_UNITS[unit]:g}", "window_unit": unit}


def _local(visit: Visit, draft: CampaignOut) -> str:
    if draft.start_at is None:
        return ""
    return draft.start_at.astimezone(ZoneInfo(visit.time_zone)).replace(tzinfo=None).isoformat(timespec="minutes")


async def _page(
    visit: Visit,
    draft: CampaignOut | None,
    fields: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    async with visit.caller.transaction() as session:
        views = await list_channels(session, after=None, limit=CHANNELS_SHOWN)
    channels = [view.channel for view in views]
    return step_page(
        visit, "basics", draft, status=status, channels=channels, fields=fields, errors=errors or {}, units=WINDOW_UNITS
    )
