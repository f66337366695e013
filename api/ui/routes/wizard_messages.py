"""The wizard's third step: both messages, seen as real contacts would read them while they are written."""

from dataclasses import dataclass, field
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import HTMLResponse, Response

from api.problems import Conflict, Unprocessable
from api.routes.campaign_shapes import CampaignChange
from api.routes.campaigns import change, found
from api.ui.rendering import fragment
from api.ui.routes.wizard_steps import draft_of, errors_in, form_of, onward, step_page
from api.ui.visits import Editor, Visit
from db.reading.audience import contact_beside, count_contacts, lacking_each, variables_of
from db.reading.enrollments import EnrollmentView
from domain.statuses import CampaignStatus
from domain.template_reading import TemplateProblem, TemplateSyntaxProblem
from domain.templates import MissingVariable, check_template, render

MESSAGES = ("message_1", "message_2")
HIGHEST_POSITION = 2**63 - 1

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message as one contact would read it, or why it cannot be written."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """Both messages for one contact; `lacking` counts, for each message, the contacts without a needed value."""

    contact: EnrollmentView | None
    bubbles: dict[str, Bubble]
    lacking: dict[str, dict[str, int]] = field(default_factory=dict)


@router.get("/campaigns/{campaign_id}/setup/messages")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The editors, with the variables that this campaign's contacts have."""
    return await _page(visit, campaign_id)


@router.post("/campaigns/{campaign_id}/setup/messages")
async def keep(visit: Editor, campaign_id: UUID) -> Response:
    """Keeps both messages and goes on."""
    texts = await _texts(visit)
    errors = {name: _wrong(visit, text) for name, text in texts.items() if _wrong(visit, text)}
    try:
        if not errors:
            await change(campaign_id, CampaignChange.model_validate(texts), visit.caller)
            return onward(campaign_id, "pacing")
    except (ValidationError, Unprocessable) as error:
        errors = errors_in(visit, error)
    return await _page(visit, campaign_id, texts=texts, errors=errors, status=422)


@router.post("/campaigns/{campaign_id}/setup/messages/typed")
async def typed(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """The messages as they stand in the editors, for one contact; a message that can be read is kept at once."""
    texts, form = await _texts(visit), await form_of(visit)
    async with visit.caller.transaction() as session:
        campaign = await found(session, campaign_id)
        known = {name: getattr(campaign, name) for name in MESSAGES}
    if campaign.status != CampaignStatus.DRAFT:
        raise Conflict(visit.say("This campaign is no draft any more; its messages stay as they are."))
    new = {name: text for name, text in texts.items() if text != known[name] and not _wrong(visit, text)}
    if new:
        await change(campaign_id, CampaignChange.model_validate(new), visit.caller)
    at = {key: int(value) for key, value in form.items() if key in {"after", "before", "at"} and _is_position(value)}
    preview = await _preview(visit, campaign_id, texts, **at)
    return HTMLResponse(fragment(visit, "wizard/preview.html", preview=preview, campaign_id=campaign_id))


async def _texts(visit: Visit) -> dict[str, str]:
    """The messages with the line ends of the rest of the world: forms send them as CR and LF."""
    form = await visit.request.form()
    return {name: str(form.get(name, "")).replace("\r\n", "\n") for name in MESSAGES}


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= HIGHEST_POSITION


async def _page(
    visit: Visit,
    campaign_id: UUID,
    *,
    texts: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    written = texts or {"message_1": draft.message_1, "message_2": draft.message_2}
    async with visit.caller.transaction() as session:
        total = await count_contacts(session, campaign_id)
        variables = await variables_of(session, campaign_id, total)
    preview = await _preview(visit, campaign_id, written)
    return step_page(
        visit,
        "messages",
        draft,
        status=status,
        texts=written,
        errors=errors or {},
        total=total,
        variables=variables,
        preview=preview,
        campaign_id=campaign_id,
    )


async def _preview(
    visit: Visit,
    campaign_id: UUID,
    texts: dict[str, str],
    *,
    after: int | None = None,
    before: int | None = None,
    at: int | None = None,
) -> Preview:
    """`at` is who is seen now; whoever is at the end of the line stays when there is nobody beside them."""
    here = after if after is not None else before if before is not None else at
    async with visit.caller.transaction() as session:
        contact = None
        if after is not None or before is not None:
            contact = await contact_beside(session, campaign_id, after=after, before=before)
        if contact is None:
            contact = await contact_beside(session, campaign_id, after=here - 1 if here else None)
        required = {name: _required(text) for name, text in texts.items()}
        counts = await lacking_each(session, campaign_id, frozenset().union(*required.values()))
    lacking = {name: {one: count for one, count in counts.items() if one in required[name]} for name in texts}
    values = contact.enrollment.variables if contact else None
    return Preview(contact, {name: _bubble(visit, text, values) for name, text in texts.items()}, lacking)


def _required(text: str) -> frozenset[str]:
    try:
        return check_template(text).required
    except TemplateProblem:
        return frozenset()


def _bubble(visit: Visit, text: str, values: dict[str, str] | None) -> Bubble:
    """Without a contact the names of the variables stand for their values."""
    try:
        names = check_template(text).variables
        return Bubble(render(text, {name: f"[{name}]" for name in names} if values is None else values))
    except TemplateProblem as problem:
        return Bubble(problem=_told(visit, problem))


def _wrong(visit: Visit, text: str) -> str:
    """What is wrong with a message whoever it is for, "" for nothing."""
    try:
        check_template(text)
    except TemplateProblem as problem:
        return _told(visit, problem)
    return ""


def _told(visit: Visit, problem: TemplateProblem) -> str:
    if isinstance(problem, TemplateSyntaxProblem):
        return visit.say("Line %(line)s: %(problem)s", line=problem.line, problem=visit.say(problem.message))
    if isinstance(problem, MissingVariable):
        return visit.say("This contact has no value for %(name)s, and the message needs one.", name=problem.name)
    return visit.say(str(problem))
