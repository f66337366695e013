"""The steps of the wizard: their order, the draft they work on, and what is wrong in a form said field by field."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.handlers import field_name, sentence
from api.problems import FieldError, Unprocessable
from api.routes.campaign_shapes import CampaignOut, campaign_out
from api.routes.campaigns import found
from api.ui.languages import _
from api.ui.rendering import page
from api.ui.visits import Visit
from domain.statuses import CampaignStatus


@dataclass(frozen=True, slots=True)
class Step:
    """One page of the wizard; `path` is the end of its address and the name of its template."""

    path: str
    name: str


STEPS = (
    Step("basics", _("Basics")),
    Step("audience", _("Audience")),
    Step("messages", _("Messages")),
    Step("pacing", _("Pacing")),
    Step("check", _("Check and launch")),
)

_LIMITS = {
    "greater_than": ("gt", _("Write a number above %(limit)s.")),
    "greater_than_equal": ("ge", _("Write a number of at least %(limit)s.")),
    "less_than_equal": ("le", _("Write a number of at most %(limit)s.")),
    "too_long": ("max_length", _("Use at most %(limit)s characters.")),
    "string_too_long": ("max_length", _("Use at most %(limit)s characters.")),
}
_NUMBERS = frozenset({"float_type", "int_type", "int_from_float", "finite_number"})
_ABSENT = frozenset({"missing", "too_short", "string_too_short", "string_pattern_mismatch"})


class NoNumber(str):
    """What was written where a number belongs: it is handed on as it is, and refused where numbers are checked."""

    __slots__ = ()


def address(campaign_id: UUID, step: str) -> str:
    """Where a step of a draft is."""
    return f"/campaigns/{campaign_id}/setup/{step}"


def step_page(visit: Visit, step: str, draft: CampaignOut | None, *, status: int = 200, **context: Any) -> HTMLResponse:
    """The page of a step."""
    return page(visit, f"wizard/{step}.html", status=status, steps=STEPS, step=step, draft=draft, **context)


def onward(campaign_id: UUID, step: str) -> RedirectResponse:
    """On to a step, after a form was kept."""
    return RedirectResponse(address(campaign_id, step), status_code=303)


async def draft_of(visit: Visit, campaign_id: UUID) -> CampaignOut | Response:
    """The draft, or the way to the page of a campaign that is none any more. Raises NotFound."""
    async with visit.caller.transaction() as session:
        campaign = campaign_out(await found(session, campaign_id))
    if campaign.status == CampaignStatus.DRAFT:
        return campaign
    return RedirectResponse(f"/campaigns/{campaign_id}", status_code=303)


async def form_of(visit: Visit) -> dict[str, str]:
    """The fields of the form, trimmed; of one that came twice the last."""
    return {name: value.strip() for name, value in (await visit.request.form()).items() if isinstance(value, str)}


def number_of(text: str) -> float | NoNumber | None:
    """A number as a browser's number field sends it; None for none."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return NoNumber(text)


def whole_of(text: str) -> int | NoNumber | None:
    """A whole number as a browser's number field sends it; None for none."""
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        return NoNumber(text)


def local_moment(text: str, zone: str) -> datetime | None:
    """The time that a date-and-time field means in that zone; of a doubled hour the first one.

    Raises ValueError for what is no time, for one that the clocks leave out, and for one at the calendar's ends.
    """
    if not text:
        return None
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    try:
        there_and_back = moment.astimezone(UTC).astimezone(moment.tzinfo)
    except OverflowError as error:
        raise ValueError(f"{text} in {zone} is beyond the calendar") from error
    if there_and_back.replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise ValueError(f"{text} does not exist in {zone}")
    return moment


def errors_in(visit: Visit, error: ValidationError | Unprocessable) -> dict[str, str]:
    """What is wrong, by field, in the visitor's language as far as it is one of the usual things."""
    if isinstance(error, Unprocessable):
        wrong = [FieldError.model_validate(one) for one in error.extra.get("errors", [])]
        return {one.field: visit.say(one.message) for one in wrong}
    return {field_name(one["loc"]): _said(visit, one) for one in error.errors()}


def _said(visit: Visit, wrong: ErrorDetails) -> str:
    kind = wrong["type"]
    if kind in _ABSENT:
        return visit.say("Fill this in.")
    if kind in _NUMBERS:
        return visit.say("Write a number.")
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return visit.say(words, limit=f"{wrong['ctx'][key]:g}")
    return visit.say(sentence(wrong))
