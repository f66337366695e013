"""The wizard's third step: both messages, the first one perhaps as an A/B test, and a preview on real contacts."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, Response

from api.problems import Conflict, Unprocessable
from api.routes.campaign_shapes import CampaignChange, CampaignOut, campaign_out
from api.routes.campaigns import change, found
from api.ui.campaign_fields import VariantFields, unix_lines, variant_rows, variant_rows_sent, variants_said
from api.ui.rendering import fragment
from api.ui.routes.wizard_steps import draft_of, errors_in, form_of, onward, step_page
from api.ui.visits import Editor, Visit
from db.reading.audience import contact_beside, count_contacts, lacking_each, variables_of
from db.reading.enrollments import EnrollmentView
from domain.statuses import CampaignStatus
from domain.template_reading import TemplateProblem, TemplateSyntaxProblem
from domain.templates import MissingVariable, check_template, render
from domain.variants import FEWEST

MESSAGES = ("message_1", "message_2")
HIGHEST_POSITION = 2**63 - 1

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the editors. Message 1 is one text or, in an A/B test, those of its variants."""

    message_1: str
    message_2: str
    variants: list[VariantFields]
    is_test: bool = False

    @classmethod
    def of(cls, campaign: CampaignOut) -> "Written":
        """The messages of a draft; a test that is begun begins with the text that is there."""
        rows = variant_rows([one.model_dump() for one in campaign.variants])
        if not campaign.variants:
            rows[0] = replace(rows[0], text=campaign.message_1)
        return cls(campaign.message_1, campaign.message_2, rows, bool(campaign.variants))

    @classmethod
    def sent(cls, form: FormData) -> "Written":
        """The messages as the form was sent."""
        message_1, message_2 = (unix_lines(str(form.get(name, ""))) for name in MESSAGES)
        return cls(message_1, message_2, variant_rows_sent(form), "variants_on" in form)

    @property
    def texts(self) -> dict[str, str]:
        """The texts that count, by field."""
        if not self.is_test:
            return {"message_1": self.message_1, "message_2": self.message_2}
        given = {f"variants.{row}.text": one.text for row, one in enumerate(self.variants) if not one.is_empty}
        return {**given, "message_2": self.message_2}

    @property
    def shown(self) -> int:
        """How many rows of variants are shown at once; the others unfold."""
        return max(FEWEST, sum(not one.is_empty for one in self.variants))

    def said(self) -> dict[str, Any]:
        """The API's fields."""
        if self.is_test:
            return {"variants": variants_said(self.variants), "message_2": self.message_2}
        return {"message_1": self.message_1, "message_2": self.message_2, "variants": None}

    def names(self, visit: Visit) -> dict[str, str]:
        """What each text is called, by field."""
        first = visit.say("Message 1")
        rows = {f"variants.{row}.text": f"{first} · {one.name}" for row, one in enumerate(self.variants)}
        return {**rows, "message_1": first, "message_2": visit.say("Message 2")}


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


@router.get("/campaigns/{campaign_id}/setup/messages")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The editors, with the variables that this campaign's contacts have."""
    return await _page(visit, campaign_id)


@router.post("/campaigns/{campaign_id}/setup/messages")
async def keep(visit: Editor, campaign_id: UUID) -> Response:
    """Keeps both messages, or the variants of the first, and goes on."""
    written = Written.sent(await visit.request.form())
    errors: dict[str, str] = {}
    try:
        asked = CampaignChange.model_validate(written.said())
    except ValidationError as error:
        errors = errors_in(visit, error)
    errors |= {name: _wrong(visit, text) for name, text in written.texts.items() if _wrong(visit, text)}
    if "variants" in errors:
        errors["variants"] = _test_error(visit, written)
    try:
        if not errors:
            await change(campaign_id, asked, visit.caller)
            return onward(campaign_id, "pacing")
    except Unprocessable as error:
        errors = errors_in(visit, error)
    return await _page(visit, campaign_id, written=written, errors=errors, status=422)


@router.post("/campaigns/{campaign_id}/setup/messages/typed")
async def typed(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """The messages as they stand in the editors, for one contact; what can be read of them is kept at once."""
    written, form = Written.sent(await visit.request.form()), await form_of(visit)
    async with visit.caller.transaction() as session:
        campaign = campaign_out(await found(session, campaign_id))
    if campaign.status != CampaignStatus.DRAFT:
        raise Conflict(visit.say("This campaign is no draft any more; its messages stay as they are."))
    new = _new(visit, written, campaign)
    if new:
        await change(campaign_id, CampaignChange.model_validate(new), visit.caller)
    at = {key: int(value) for key, value in form.items() if key in {"after", "before", "at"} and _is_position(value)}
    preview = await _preview(visit, campaign_id, written, **at)
    return HTMLResponse(fragment(visit, "wizard/preview.html", preview=preview, campaign_id=campaign_id))


def _new(visit: Visit, written: Written, campaign: CampaignOut) -> dict[str, Any]:
    """What differs from the draft and can be read. Typing ends no A/B test: its texts would be gone."""
    before, said = Written.of(campaign).said(), written.said()
    ends_test = bool(campaign.variants) and not written.is_test
    names = [name for name in MESSAGES if name in said and not (ends_test and name == "message_1")]
    new = {name: said[name] for name in names if said[name] != before.get(name) and not _wrong(visit, said[name])}
    if not written.is_test or said["variants"] == before["variants"]:
        return new
    try:
        CampaignChange.model_validate({"variants": said["variants"]})
    except ValidationError:
        return new
    return {**new, "variants": said["variants"]}


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
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    written = written or Written.of(draft)
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
    return Preview(contact, bubbles, written.names(visit), lacking)


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
