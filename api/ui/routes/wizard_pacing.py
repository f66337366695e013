"""The wizard's fourth step: how fast messages go out, and when the last one will be out at that pace."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from api.problems import NotFound, Unprocessable
from api.routes.campaign_shapes import CampaignChange, PacingIn
from api.routes.campaigns import change
from api.ui.rendering import fragment
from api.ui.routes.wizard_steps import draft_of, errors_in, form_of, number_of, onward, step_page, whole_of
from api.ui.visits import Editor, Visit
from db.reading.progress import Progress, read_progress
from db.tables import Campaign
from domain.pacing import ERROR_RATE_LIMIT, Pacing

FIELDS = ("delay_seconds", "batch_size", "batch_pause_seconds", "min_delay_seconds", "max_delay_seconds")
LONGEST_SHOWN = timedelta(days=3650)
"""Beyond this no date is told: the calendar ends, and so does anybody's patience."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long the sending takes at a pace, and when the last Message 1 is out; `late` if that is beyond telling."""

    contacts: int
    rate_per_second: float
    others: int
    seconds: float = 0.0
    finishes_at: datetime | None = None
    late: bool = False


@router.get("/campaigns/{campaign_id}/setup/pacing")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The form, with the time that the present pacing takes."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    progress = await _progress(visit, campaign_id)
    fields = _fields(draft.pacing)
    return step_page(
        visit,
        "pacing",
        draft,
        error_limit=ERROR_RATE_LIMIT,
        fields=fields,
        errors={},
        forecast=_forecast(progress, progress.pacing),
    )


@router.post("/campaigns/{campaign_id}/setup/pacing/typed")
async def typed(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """When it would be over with the numbers as they stand in the form, and which of them cannot be. Keeps nothing."""
    progress = await _progress(visit, campaign_id)
    pacing, errors = _pacing(visit, await form_of(visit), progress.rate_per_second)
    told = fragment(visit, "wizard/forecast.html", forecast=_forecast(progress, pacing), errors=errors, names=FIELDS)
    return HTMLResponse(told)


@router.post("/campaigns/{campaign_id}/setup/pacing")
async def keep(visit: Editor, campaign_id: UUID) -> Response:
    """Keeps the pacing and goes on."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    progress, fields = await _progress(visit, campaign_id), await form_of(visit)
    pacing, errors = _pacing(visit, fields, progress.rate_per_second)
    if pacing is not None:
        asked = CampaignChange(pacing=PacingIn.model_validate(pacing.model_dump()))
        await change(campaign_id, asked, visit.caller)
        return onward(campaign_id, "check")
    return step_page(
        visit,
        "pacing",
        draft,
        error_limit=ERROR_RATE_LIMIT,
        status=422,
        fields=fields,
        errors=errors,
        forecast=_forecast(progress, None),
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


def _forecast(progress: Progress, pacing: Pacing | None) -> Forecast:
    """By the same reckoning as the launch check: of this very campaign, had it this pacing."""
    about = Forecast(progress.counts.total, progress.rate_per_second, progress.others)
    if pacing is None:
        return about
    columns = {"pacing": pacing.model_dump(), "delay_seconds": pacing.delay_seconds}
    seconds = replace(progress, campaign=Campaign(**(progress.campaign.model_dump() | columns))).eta_seconds
    now = datetime.now(UTC)
    if seconds > LONGEST_SHOWN.total_seconds():
        return replace(about, seconds=seconds, late=True)
    finishes_at = max(now, progress.campaign.start_at or now) + timedelta(seconds=seconds)
    return replace(about, seconds=seconds, finishes_at=finishes_at)
