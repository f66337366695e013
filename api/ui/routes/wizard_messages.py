"""The wizard's third step: both messages, the first one perhaps as an A/B test, and a preview on real contacts."""

from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, Response

from api.problems import Conflict
from api.routes.campaign_shapes import CampaignChange, campaign_out
from api.routes.campaigns import found
from api.ui.message_fields import MESSAGES, Kept, Known, Written
from api.ui.rendering import fragment
from api.ui.routes.wizard_steps import draft_of, errors_in, onward, step_page
from api.ui.visits import Editor, Visit
from db.campaigns import change_campaign
from db.reading.audience import contact_beside, count_contacts, lacking_each, variables_of
from db.reading.enrollments import EnrollmentView
from domain.statuses import CampaignStatus
from domain.template_reading import TemplateProblem, TemplateSyntaxProblem
from domain.templates import MissingVariable, check_template, render
from domain.variants import FEWEST

HIGHEST_POSITION = 2**63 - 1

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message as one contact would read it, or why it cannot be written."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages for one contact; `lacking` counts, for each of them, the contacts without a needed value."""

    contact: EnrollmentView | None
    bubbles: dict[str, Bubble]
    names: dict[str, str]
    lacking: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the editors stand to what is kept (`now`): what the page goes on from (`shown`), and which messages were
    changed both here and elsewhere (`torn`)."""

    now: Kept
    shown: Kept
    torn: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, known: Known, written: Written, now: Kept) -> Self:
        """As it is when nothing is kept."""
        return cls(now, known.confirmed(now), known.sort(written.kept, now)[1])

    @property
    def seen(self) -> str:
        """What somebody else wrote, for a form that puts it before the person."""
        return self.now.model_dump_json(include=set(self.torn))


@router.get("/campaigns/{campaign_id}/setup/messages")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The editors, with the variables that this campaign's contacts have."""
    return await _page(visit, campaign_id)


@router.post("/campaigns/{campaign_id}/setup/messages")
async def keep(visit: Editor, campaign_id: UUID) -> Response:
    """Keeps both messages, or the variants of the first, and goes on; or asks which of two texts counts."""
    form = await visit.request.form()
    written, known = Written.sent(form), Known.told(form)
    errors: dict[str, str] = {}
    try:
        CampaignChange.model_validate(written.said())
    except ValidationError as error:
        errors = errors_in(visit, error)
    errors |= {name: _wrong(visit, text) for name, text in written.texts.items() if _wrong(visit, text)}
    if "variants" in errors:
        errors["variants"] = _test_error(visit, written)
    if errors:
        return await _page(visit, campaign_id, written=written, known=known, errors=errors, status=422)
    standing = await _keep(visit, campaign_id, written, known, decided=True)
    if standing.torn:
        return await _page(visit, campaign_id, written=written, known=known, standing=standing, status=409)
    return onward(campaign_id, "pacing")


@router.post("/campaigns/{campaign_id}/setup/messages/typed")
async def typed(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """The messages as they stand in the editors, for one contact; what can be read of them is kept at once."""
    form = await visit.request.form()
    written = Written.sent(form)
    standing = await _keep(visit, campaign_id, written, Known.told(form))
    preview = await _preview(visit, campaign_id, written, **_place(form))
    return HTMLResponse(
        fragment(visit, "wizard/typed.html", preview=preview, standing=standing, campaign_id=campaign_id)
    )


@router.post("/campaigns/{campaign_id}/setup/messages/beside")
async def beside(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """The messages as they stand in the editors, for the contact before or after. Keeps nothing."""
    form = await visit.request.form()
    written, known = Written.sent(form), Known.told(form)
    async with visit.caller.transaction() as session:
        now = Written.of(campaign_out(await found(session, campaign_id))).kept
    standing = Standing.of(known, written, now)
    preview = await _preview(visit, campaign_id, written, **_place(form))
    return HTMLResponse(
        fragment(visit, "wizard/preview.html", preview=preview, standing=standing, campaign_id=campaign_id)
    )


async def _keep(visit: Visit, campaign_id: UUID, written: Written, known: Known, *, decided: bool = False) -> Standing:
    """Keeps what was written here and nowhere else. Where somebody `decided`, all of it or nothing.

    Compared and written under the row's lock, which the API's own change would take for the writing alone: of two
    pages at the same moment the second has to see what the first one wrote.
    """
    async with visit.caller.transaction() as session:
        campaign = campaign_out(await found(session, campaign_id, lock=True))
        if campaign.status != CampaignStatus.DRAFT:
            raise Conflict(visit.say("This campaign is no draft any more; its messages stay as they are."))
        now, typed = Written.of(campaign).kept, written.kept
        shown, (new, torn) = known.confirmed(now), known.sort(typed, now, decided=decided)
        if decided:
            new = [] if torn else new
        else:
            new = [name for name in new if _is_readable(written, name)]
            if campaign.variants and not written.is_test and "message_1" in new:
                new.remove("message_1")  # typing ends no A/B test: its texts would be gone
        if new:
            await change_campaign(session, campaign_id, _columns(typed, new))
        now = now.taking(typed, new)
    same = [name for name in MESSAGES if typed.of(name) == now.of(name)]
    return Standing(now, shown.taking(now, same), torn)


def _columns(typed: Kept, names: list[str]) -> dict[str, Any]:
    """The columns of these messages. The first variant's text stands for Message 1 wherever one text is asked for."""
    columns = typed.model_dump(include=set(names))
    if isinstance(variants := columns.get("message_1"), list):
        return {**columns, "message_1": variants[0]["text"], "variants": variants}
    return {**columns, "variants": []} if "message_1" in columns else columns


def _is_readable(written: Written, name: str) -> bool:
    said, field = written.said(), "variants" if written.is_test and name == "message_1" else name
    try:
        CampaignChange.model_validate({field: said[field]})
    except ValidationError:
        return False
    return True


def _place(form: FormData) -> dict[str, int]:
    """Who is looked at, or beside whom."""
    fields = {key: str(form.get(key, "")).strip() for key in ("after", "before", "at")}
    return {key: int(value) for key, value in fields.items() if _is_position(value)}


def _test_error(visit: Visit, written: Written) -> str:
    if len(written.said()["variants"]) < FEWEST:
        return visit.say("Write at least two variants, or end the test.")
    return visit.say("Give each variant a name of its own.")


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= HIGHEST_POSITION


async def _page(
    visit: Visit,
    campaign_id: UUID,
    *,
    written: Written | None = None,
    known: Known | None = None,
    standing: Standing | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    now = Written.of(draft)
    written = written or now
    standing = standing or (Standing.of(known, written, now.kept) if known else Standing(now.kept, now.kept))
    async with visit.caller.transaction() as session:
        total = await count_contacts(session, campaign_id)
        variables = await variables_of(session, campaign_id, total)
    preview = await _preview(visit, campaign_id, written)
    return step_page(
        visit,
        "messages",
        draft,
        status=status,
        written=written,
        variants=written.variants,
        variants_shown=written.shown,
        standing=standing,
        errors=errors or {},
        total=total,
        variables=variables,
        preview=preview,
        campaign_id=campaign_id,
    )


async def _preview(
    visit: Visit,
    campaign_id: UUID,
    written: Written,
    *,
    after: int | None = None,
    before: int | None = None,
    at: int | None = None,
) -> Preview:
    """`at` is who is seen now; whoever is at the end of the line stays when there is nobody beside them."""
    texts = written.texts
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
    bubbles = {name: _bubble(visit, text, values) for name, text in texts.items()}
    return Preview(contact, bubbles, written.names(visit.say), lacking)


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
