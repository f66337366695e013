"""What an operator orders on the pages: a question that names the number of contacts it is about, then the deed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.dependencies import Caller
from api.problems import Conflict, FieldError, Unprocessable
from api.routes import campaign_commands, campaigns
from api.routes.campaign_shapes import CampaignChange, CampaignProgress, PacingIn
from api.ui.campaign_words import STATUSES
from api.ui.languages import _, translations
from api.ui.numbers import two_ways, with_point
from api.ui.rendering import page
from api.ui.visits import Editor, Operator, Visit
from domain.campaigns import ALLOWED, Command
from domain.pacing import Pacing
from domain.progress import Counts
from domain.statuses import CampaignStatus
from workflows.handles import CampaignRefused

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Order:
    """One command as the pages offer it. `after` is the state that it leads to; `give` returns how many it moved."""

    address: str
    name: str
    allowed: frozenset[CampaignStatus]
    after: frozenset[CampaignStatus]
    question: tuple[str, str]
    affected: Callable[[Counts], int]
    give: Callable[[UUID, Caller], Awaitable[int | None]]
    grave: bool = False


async def _pause(campaign_id: UUID, caller: Caller) -> None:
    await campaign_commands.pause(campaign_id, caller)


async def _resume(campaign_id: UUID, caller: Caller) -> None:
    await campaign_commands.resume(campaign_id, caller)


async def _cancel(campaign_id: UUID, caller: Caller) -> int:
    return (await campaign_commands.cancel(campaign_id, caller)).stopped


async def _retry(campaign_id: UUID, caller: Caller) -> int:
    return (await campaign_commands.retry_failed(campaign_id, caller)).retried


def _left(counts: Counts) -> int:
    return counts.left


ORDERS: dict[str, Order] = {
    "pause": Order(
        "pause",
        _("Pause"),
        ALLOWED[Command.PAUSE],
        frozenset({CampaignStatus.PAUSED}),
        (
            _("%(num)s contact has not had Message 1 yet and will wait until you resume. Pause the campaign?"),
            _("%(num)s contacts have not had Message 1 yet and will wait until you resume. Pause the campaign?"),
        ),
        _left,
        _pause,
    ),
    "resume": Order(
        "resume",
        _("Resume"),
        ALLOWED[Command.RESUME],
        frozenset({CampaignStatus.RUNNING}),
        (
            _("%(num)s contact waits for Message 1. Resume the campaign?"),
            _("%(num)s contacts wait for Message 1. Resume the campaign?"),
        ),
        _left,
        _resume,
    ),
    "retry-failed": Order(
        "retry-failed",
        _("Retry failed"),
        ALLOWED[Command.RETRY_FAILED],
        frozenset(),
        (
            _("Message 1 failed for %(num)s contact. Put that contact in line again?"),
            _("Message 1 failed for %(num)s contacts. Put them in line again?"),
        ),
        lambda counts: counts.failed,
        _retry,
    ),
    "cancel": Order(
        "cancel",
        _("Cancel"),
        ALLOWED[Command.CANCEL] | {CampaignStatus.DRAFT},
        frozenset({CampaignStatus.CANCELLED}),
        (
            _("%(num)s contact will never get Message 1. This cannot be undone. Cancel the campaign?"),
            _("%(num)s contacts will never get Message 1. This cannot be undone. Cancel the campaign?"),
        ),
        lambda counts: counts.pending,
        _cancel,
        grave=True,
    ),
}

PACING_ALLOWED = ALLOWED[Command.CHANGE_PACING]
PACING_FIELDS = ("delay_seconds", "batch_size", "batch_pause_seconds", "min_delay_seconds", "max_delay_seconds")
Pace = Annotated[str, Field(max_length=40)]


class PacingForm(BaseModel):
    """A pacing as typed. `shown` are the same figures as the page showed them, with spaces between."""

    delay_seconds: Pace = ""
    batch_size: Pace = ""
    batch_pause_seconds: Pace = ""
    min_delay_seconds: Pace = ""
    max_delay_seconds: Pace = ""
    shown: Annotated[str, Field(max_length=200)] = ""

    @property
    def figures(self) -> dict[str, str]:
        """What is typed, by field, with a point where people write a comma."""
        return {name: with_point(getattr(self, name)) for name in PACING_FIELDS}


def counted(visit: Visit, forms: tuple[str, str], count: int) -> str:
    """A sentence in the form that the number wants."""
    said: str = translations(visit.language).ngettext(*forms, count)
    return said % {"num": count}


NOTICES: dict[str, Callable[[Visit, int], str]] = {
    "running": lambda visit, _count: visit.say("The campaign is started."),
    "scheduled": lambda visit, _count: visit.say("The campaign is scheduled; it begins by itself."),
    "pause": lambda visit, _count: visit.say("The campaign is paused."),
    "resume": lambda visit, _count: visit.say("The campaign goes on."),
    "cancel": lambda visit, count: counted(
        visit,
        (
            _("The campaign is cancelled; %(num)s contact was stopped before Message 1."),
            _("The campaign is cancelled; %(num)s contacts were stopped before Message 1."),
        ),
        count,
    ),
    "retry-failed": lambda visit, count: counted(
        visit, (_("%(num)s contact is in line again."), _("%(num)s contacts are in line again.")), count
    ),
    "pacing": lambda visit, _count: visit.say("The new pacing takes effect with the next batch."),
    "already": lambda visit, _count: visit.say("Somebody was faster: the campaign is in that state already."),
}
"""What a page says after an order, by the word in its address; after a start that is the state it led to."""


@router.get("/campaigns/{campaign_id:uuid}/pacing")
async def pacing(campaign_id: UUID, visit: Editor) -> HTMLResponse:
    """The form for another pacing."""
    campaign = await campaigns.show(campaign_id, visit.caller)
    figures = _figures(campaign.pacing)
    return _pacing_form(visit, campaign, figures, " ".join(figures.values()), {})


@router.post("/campaigns/{campaign_id:uuid}/pacing")
async def change_pacing(campaign_id: UUID, visit: Editor, form: Annotated[PacingForm, Form()]) -> Response:
    """Another pacing, from the next batch on."""
    shown = await _shown(visit, campaign_id, form)
    # A bound that nobody touched must not be named: named, it would refuse the delay instead of giving way to it.
    typed = {name: text for name, text in form.figures.items() if text != shown.get(name)}
    try:
        change = CampaignChange(pacing=_read_pacing(visit, typed))
        await campaigns.change(campaign_id, change, visit.caller)
    except Unprocessable as problem:
        campaign = await campaigns.show(campaign_id, visit.caller)
        errors = _pacing_errors(visit, problem)
        return _pacing_form(visit, campaign, form.figures, form.shown, errors, status=422)
    except (Conflict, CampaignRefused):
        campaign = await campaigns.show(campaign_id, visit.caller)
        return _refused(visit, campaign, visit.say("Change pacing"))
    return back(campaign_id, "pacing")


def _figures(pacing: Pacing) -> dict[str, str]:
    return {name: f"{getattr(pacing, name):g}" for name in PACING_FIELDS}


async def _shown(visit: Visit, campaign_id: UUID, form: PacingForm) -> dict[str, str]:
    """The figures that the form showed; of a form that does not tell, those of now."""
    if form.shown:
        return dict(zip(PACING_FIELDS, form.shown.split(), strict=False))
    async with visit.caller.transaction() as session:
        campaign = await campaigns.found(session, campaign_id)
    return _figures(Pacing.model_validate(campaign.pacing))


def _read_pacing(visit: Visit, values: dict[str, str]) -> PacingIn:
    """What the form says; an empty field leaves its figure as it is. Raises Unprocessable."""
    seconds = visit.say("Write a number of seconds between 0 and 86400.")
    whole = visit.say("Write a whole number between 1 and 1000.")
    numbers: dict[str, float] = {}
    wrong: list[FieldError] = []
    for name, text in values.items():
        try:
            number = _number(name, text)
            PacingIn.model_validate({name: number})
        except ValueError:  # pydantic's own error is one
            said = whole if name == "batch_size" else two_ways(text) or seconds
            wrong.append(FieldError(field=f"pacing.{name}", message=said))
        else:
            if number is not None:
                numbers[name] = number
    if wrong:
        raise Unprocessable(wrong)
    return PacingIn.model_validate(numbers)


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    return int(text) if name == "batch_size" else float(text)


def _pacing_errors(visit: Visit, problem: Unprocessable) -> dict[str, str]:
    """By field; the two that are about the bounds of the delay in words of the catalogues."""
    errors = {error["field"].removeprefix("pacing."): error["message"] for error in problem.extra["errors"]}
    bounds = {
        "min_delay_seconds": ("must not be above", visit.say("The shortest delay must not be above the delay.")),
        "max_delay_seconds": ("must not be below", visit.say("The longest delay must not be below the delay.")),
    }
    return {
        field: bounds[field][1] if field in bounds and bounds[field][0] in message else message
        for field, message in errors.items()
    }


def _pacing_form(
    visit: Visit,
    campaign: CampaignProgress,
    values: dict[str, str],
    shown: str,
    errors: dict[str, str],
    *,
    status: int = 200,
) -> HTMLResponse:
    forms = (
        _("%(num)s contact has not had Message 1 yet and will get it at the new pace."),
        _("%(num)s contacts have not had Message 1 yet and will get it at the new pace."),
    )
    if campaign.status not in PACING_ALLOWED:
        return _refused(visit, campaign, visit.say("Change pacing"))
    about = counted(visit, forms, campaign.counts.left)
    return page(
        visit,
        "campaigns/pacing.html",
        status=status,
        campaign=campaign,
        values=values,
        shown=shown,
        errors=errors,
        about=about,
    )


def _offer(order: Order) -> None:
    """Adds the two addresses of an order: the question, and the deed."""
    address = f"/campaigns/{{campaign_id:uuid}}/{order.address}"

    async def ask(campaign_id: UUID, visit: Operator) -> Response:
        return _question(visit, await campaigns.show(campaign_id, visit.caller), order)

    async def give(campaign_id: UUID, visit: Operator) -> Response:
        return await _given(visit, campaign_id, order)

    router.add_api_route(address, ask, methods=["GET"])
    router.add_api_route(address, give, methods=["POST"])


for _order in ORDERS.values():
    _offer(_order)


def _question(visit: Visit, campaign: CampaignProgress, order: Order) -> Response:
    if campaign.status in order.after:
        return back(campaign.id, "already")
    affected = order.affected(campaign.counts)
    if campaign.status not in order.allowed or (order.address == "retry-failed" and not affected):
        return _refused(visit, campaign, visit.say(order.name))
    question = counted(visit, order.question, affected)
    return page(visit, "campaigns/confirm.html", campaign=campaign, order=order, question=question)


async def _given(visit: Visit, campaign_id: UUID, order: Order) -> Response:
    """Does it. Of two who order the same, the second is told that it is done already."""
    try:
        count = await order.give(campaign_id, visit.caller)
    except (Conflict, CampaignRefused):
        return await not_now(visit, campaign_id, order.after, visit.say(order.name))
    return back(campaign_id, order.address, count)


async def not_now(visit: Visit, campaign_id: UUID, after: frozenset[CampaignStatus], order: str) -> Response:
    """What a page says of an order that was refused: somebody was faster, or the state forbids it."""
    campaign = await campaigns.show(campaign_id, visit.caller)
    if campaign.status in after:
        return back(campaign_id, "already")
    return _refused(visit, campaign, order)


def _refused(visit: Visit, campaign: CampaignProgress, order: str) -> HTMLResponse:
    said = visit.say(
        "This is not possible now: the campaign is in the state “%(state)s”, and %(failed)s of its contacts failed.",
        state=visit.say(STATUSES[campaign.status]),
        failed=campaign.counts.failed,
    )
    return page(visit, "campaigns/refused.html", status=Conflict.status, campaign=campaign, order=order, said=said)


def back(campaign_id: UUID, done: str, count: int | None = None) -> RedirectResponse:
    """To the campaign's page, which says what was done (a key of NOTICES)."""
    query = urlencode({"done": done} if count is None else {"done": done, "count": count})
    return RedirectResponse(f"/campaigns/{campaign_id}?{query}", status_code=303)
