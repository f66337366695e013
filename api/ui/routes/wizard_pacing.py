"""The wizard's fourth step: how fast and at which hours messages go out, and when the last one will be out."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from api.problems import NotFound, Unprocessable
from api.routes.campaign_shapes import CampaignChange, CampaignOut, PacingIn
from api.routes.campaigns import change
from api.ui.campaign_fields import DAYS, ZONES, WindowFields
from api.ui.rendering import fragment
from api.ui.routes.wizard_steps import draft_of, errors_in, form_of, number_of, onward, step_page, whole_of
from api.ui.visits import Editor, Visit
from db.reading.progress import Progress, read_progress, supposing
from domain.eta import end_after
from domain.pacing import ERROR_RATE_LIMIT, Pacing

FIELDS = ("delay_seconds", "batch_size", "batch_pause_seconds", "min_delay_seconds", "max_delay_seconds")

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long the sending takes at a pace and in a window, and when the last Message 1 is out.

    `late` if that is beyond telling.
    """

    contacts: int
    rate_per_second: float
    others: int
    seconds: float = 0.0
    finishes_at: datetime | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The pacing and the send window that a form asks for, or what is wrong, by field."""

    pacing: Pacing | None
    send_window: dict[str, Any] | None
    errors: dict[str, str]


@router.get("/campaigns/{campaign_id}/setup/pacing")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The form, with the time that the present pacing takes in the present window."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    hours = draft.send_window.model_dump() if draft.send_window else None
    forecast = _forecast(await _progress(visit, campaign_id))
    return _page(visit, draft, forecast, _fields(draft.pacing), WindowFields.of(hours))


@router.post("/campaigns/{campaign_id}/setup/pacing/typed")
async def typed(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """When it would be over with all as it stands in the form, and which of it cannot be. Keeps nothing."""
    progress = await _progress(visit, campaign_id)
    asked = _asked(visit, await form_of(visit), await _window_of(visit), progress.rate_per_second)
    forecast = await _forecast_of(visit, progress, asked)
    return HTMLResponse(fragment(visit, "wizard/forecast.html", forecast=forecast, errors=asked.errors, names=FIELDS))


@router.post("/campaigns/{campaign_id}/setup/pacing")
async def keep(visit: Editor, campaign_id: UUID) -> Response:
    """Keeps the pacing and the send window, and goes on."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    progress, fields, window = await _progress(visit, campaign_id), await form_of(visit), await _window_of(visit)
    asked = _asked(visit, fields, window, progress.rate_per_second)
    if asked.pacing is not None and not asked.errors:
        columns = {"pacing": asked.pacing.model_dump(), "send_window": asked.send_window}
        await change(campaign_id, CampaignChange.model_validate(columns), visit.caller)
        return onward(campaign_id, "check")
    return _page(visit, draft, _about(progress), fields, window, asked.errors)


def _page(
    visit: Visit,
    draft: CampaignOut,
    forecast: Forecast,
    fields: dict[str, str],
    window: WindowFields,
    errors: dict[str, str] | None = None,
) -> HTMLResponse:
    return step_page(
        visit,
        "pacing",
        draft,
        status=422 if errors else 200,
        error_limit=ERROR_RATE_LIMIT,
        fields=fields,
        window=window,
        window_days=DAYS,
        window_zones=ZONES,
        errors=errors or {},
        forecast=forecast,
    )


def _fields(pacing: Pacing) -> dict[str, str]:
    """The numbers as the form shows them. A bound that follows from the delay stays empty, so that it goes on to."""
    derived = Pacing.model_validate(pacing.model_dump(exclude={"min_delay_seconds", "max_delay_seconds"})).model_dump()
    bounds = ("min_delay_seconds", "max_delay_seconds")
    numbers = pacing.model_dump().items()
    return {name: "" if name in bounds and value == derived[name] else f"{value:.10g}" for name, value in numbers}


async def _progress(visit: Visit, campaign_id: UUID) -> Progress:
    async with visit.caller.transaction() as session:
        progress = await read_progress(session, campaign_id)
    if progress is None:
        raise NotFound("campaign")
    return progress


def _pacing(visit: Visit, fields: dict[str, str], rate_per_second: float) -> tuple[Pacing | None, dict[str, str]]:
    """The pacing that the form asks for, or what is wrong, by field. What is left empty is derived."""
    read = {name: (whole_of if name == "batch_size" else number_of)(fields.get(name, "")) for name in FIELDS}
    try:
        asked = PacingIn.model_validate({name: value for name, value in read.items() if value is not None})
    except ValidationError as error:
        return None, errors_in(visit, error)
    try:
        return asked.complete(rate_per_second), {}
    except Unprocessable as error:  # each number by itself is good: one of the bounds excludes the delay
        wrong = errors_in(visit, error)
    words = {
        "min_delay_seconds": visit.say("The smallest delay must not be above the delay."),
        "max_delay_seconds": visit.say("The largest delay must not be below the delay."),
    }
    return None, {name: said for name, said in words.items() if f"pacing.{name}" in wrong}


async def _window_of(visit: Visit) -> WindowFields:
    return WindowFields.sent(await visit.request.form())


def _asked(visit: Visit, fields: dict[str, str], window: WindowFields, rate_per_second: float) -> Asked:
    pacing, errors = _pacing(visit, fields, rate_per_second)
    try:
        CampaignChange.model_validate({"send_window": window.said()})
    except ValidationError as error:
        errors |= _window_errors(visit, error)
    return Asked(pacing, window.said(), errors)


def _window_errors(visit: Visit, error: ValidationError) -> dict[str, str]:
    """By field, in the words of this form where the API speaks to programs."""
    words = {
        "send_window.days": visit.say("Choose at least one day."),
        "send_window.zone": visit.say("There is no such time zone; write a name such as Europe/Paris."),
    }
    return {name: words.get(name, said) for name, said in errors_in(visit, error).items()}


async def _forecast_of(visit: Visit, progress: Progress, asked: Asked) -> Forecast:
    """By the same reckoning as the launch check: of this very campaign, had it this pacing and this window."""
    if asked.pacing is None or asked.errors:
        return _about(progress)
    pacing = {"pacing": asked.pacing.model_dump(), "delay_seconds": asked.pacing.delay_seconds}
    async with visit.caller.transaction() as session:
        return _forecast(await supposing(session, progress, send_window=asked.send_window, **pacing))


def _about(progress: Progress) -> Forecast:
    return Forecast(progress.counts.total, progress.rate_per_second, progress.others)


def _forecast(progress: Progress) -> Forecast:
    about, seconds = _about(progress), progress.eta_seconds
    finishes_at = end_after(progress.first_at, seconds)
    return replace(about, seconds=seconds, finishes_at=finishes_at, late=finishes_at is None)
