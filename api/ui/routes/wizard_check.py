"""The wizard's last step: what a launch would meet, a test to oneself, and the launch."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from pydantic import ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.problems import Conflict, NotFound, Unprocessable
from api.routes.campaign_commands import STARTED, launch_check, start, test_send
from api.routes.campaign_shapes import CampaignOut
from api.routes.contact_shapes import reason_text
from api.routes.launch_shapes import LaunchCheck, LaunchProblem, TestSend
from api.ui.languages import _
from api.ui.questions import Question, ask
from api.ui.rendering import Writer, fragment
from api.ui.routes.campaign_orders import back, not_now
from api.ui.routes.wizard_steps import address, draft_of, errors_in, form_of, step_page, whole_of
from api.ui.visits import Editor, EditorsPage, Operator, Visit
from db.reading.audience import contact_beside
from db.reading.deliveries import find_delivery
from domain.statuses import DeliveryKind, DeliveryStatus
from domain.templates import check_template
from workflows.handles import CampaignRefused

VALUE = "value."
LACKING_SHOWN = 10
UNDER_WAY = frozenset({DeliveryStatus.QUEUED, DeliveryStatus.SENDING})
OUTCOMES = {
    DeliveryStatus.QUEUED: _("The test waits for its turn."),
    DeliveryStatus.SENDING: _("The test is being sent."),
    DeliveryStatus.SENT: _("The test is sent. Look at your phone."),
    DeliveryStatus.HELD: _("The test is held back."),
    DeliveryStatus.FAILED: _("The test failed."),
    DeliveryStatus.REFUSED: _("The test was not sent: this number must not be written to, or the channel is gone."),
    DeliveryStatus.UNKNOWN: _("The platform did not answer; nobody knows whether the test went out."),
}
FOUND = {
    "no_contacts": _("The campaign has no contacts; take some in first."),
    "missing_variables": _("Some contacts lack a value that a message needs."),
    "channel_not_active": _("The channel is not active: messages wait until it is."),
    "all_suppressed": _("Every contact has asked not to be written to: nothing will go out."),
    "windows_never_open": _("The send windows of the campaign and its channel never meet: nothing would go out."),
    "channel_shared": _("Other running campaigns share the channel's rate."),
}
"""What the launch check finds, by its code; where it is put right stands beside."""

LAUNCH = _("Launch now? Contacts written to: %(count)s. The last message is out by %(finish)s.")
LAUNCH_FOR_YEARS = _("Launch now? Contacts written to: %(count)s. It takes more than ten years.")
SCHEDULE = _("Schedule the campaign? Contacts written to: %(count)s. It begins %(start)s and is out by %(finish)s.")
SCHEDULE_FOR_YEARS = _(
    "Schedule the campaign? Contacts written to: %(count)s. It begins %(start)s and takes more than ten years."
)

MENDED_AT = {"no_contacts": "audience", "missing_variables": "messages"}

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Tested:
    """A test to oneself as the page shows it: what was typed for it, and what its piece of the page is told."""

    typed: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, str]:
        """The values that were typed, by variable."""
        return {name.removeprefix(VALUE): text for name, text in self.typed.items() if name.startswith(VALUE)}


@router.get("/campaigns/{campaign_id}/setup/check")
async def show(visit: Editor, campaign_id: UUID, test: UUID | None = None) -> Response:
    """Problems, warnings, numbers, and the two buttons; without script also what became of a `test`."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    tested = Tested(told=await _outcome(visit, campaign_id, test)) if test else Tested()
    return await _page(visit, draft, tested=tested)


@router.post("/campaigns/{campaign_id}/setup/check/test")
async def test(visit: Operator, campaign_id: UUID) -> Response:
    """Sends one message to oneself, by the API's own handler."""
    fields = await form_of(visit)
    values = {name.removeprefix(VALUE): text for name, text in fields.items() if name.startswith(VALUE) and text}
    message, _separator, variant = fields.get("message", "1").partition(".")
    asked = {
        "phone": fields.get("phone", ""),
        "message": whole_of(message),
        "variant": variant or None,
        "variables": values,
    }
    try:
        sent = await test_send(campaign_id, TestSend.model_validate(asked), visit.caller)
    except (ValidationError, Unprocessable) as error:
        told = {"errors": errors_in(visit, error), "delivery": None}
        if visit.is_partial:
            return HTMLResponse(fragment(visit, "wizard/test.html", **told), 422)
        draft = await draft_of(visit, campaign_id)
        tested = Tested(fields, told)
        return draft if isinstance(draft, Response) else await _page(visit, draft, tested=tested, status=422)
    if visit.is_partial:
        return await outcome(visit, campaign_id, sent.delivery_id)
    return RedirectResponse(f"{address(campaign_id, 'check')}?test={sent.delivery_id}#test-result", status_code=303)


@router.get("/campaigns/{campaign_id}/setup/check/test/{delivery_id}")
async def outcome(visit: EditorsPage, campaign_id: UUID, delivery_id: UUID) -> HTMLResponse:
    """What became of a test; the page asks again until it is known."""
    return HTMLResponse(fragment(visit, "wizard/test.html", **await _outcome(visit, campaign_id, delivery_id)))


@router.post("/campaigns/{campaign_id}/setup/launch")
async def launch(visit: Operator, campaign_id: UUID, confirmed: Annotated[str, Form()] = "") -> Response:
    """Starts the campaign, or says again what stands in the way; asks first where the page has not."""
    if not confirmed:
        return await _ask(visit, campaign_id)
    try:
        started = await start(campaign_id, visit.caller)
    except Unprocessable:
        draft = await draft_of(visit, campaign_id)
        return draft if isinstance(draft, Response) else await _page(visit, draft, status=422)
    except (Conflict, CampaignRefused):
        return await not_now(visit, campaign_id, STARTED, visit.say("Launch"))
    return back(campaign_id, started.status)


async def _ask(visit: Visit, campaign_id: UUID) -> Response:
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    check = await launch_check(campaign_id, visit.caller)
    if not check.ok:
        return await _page(visit, draft, status=422)
    to, back = f"/campaigns/{campaign_id}/setup/launch", address(campaign_id, "check")
    title, yes = f"{visit.say('Launch')} · {draft.name}", visit.say("Launch the campaign")
    return ask(visit, Question(title, _question(visit, draft, check), yes, to, back, grave=False))


async def _page(visit: Visit, draft: CampaignOut, *, tested: Tested | None = None, status: int = 200) -> HTMLResponse:
    check = await launch_check(draft.id, visit.caller)
    texts = [draft.message_1, draft.message_2, *(variant.text for variant in draft.variants)]
    names = frozenset[str]().union(*(check_template(text).variables for text in texts))
    async with visit.caller.transaction() as session:
        contact = await contact_beside(session, draft.id)
    tested = tested or Tested()
    values = (contact.enrollment.variables if contact else {}) | tested.values
    return step_page(
        visit,
        "check",
        draft,
        status=status,
        check=check,
        problems=[(_found(visit, one), MENDED_AT.get(one.code)) for one in check.problems],
        warnings=[_found(visit, one) for one in check.warnings],
        lacking=check.missing_variables.contacts[:LACKING_SHOWN],
        values={name: values.get(name, "") for name in sorted(names)},
        question=_question(visit, draft, check),
        tested=tested,
        **tested.told,
    )


def _found(visit: Visit, one: LaunchProblem) -> str:
    return visit.say(FOUND.get(one.code, one.message))


def _question(visit: Visit, draft: CampaignOut, check: LaunchCheck) -> str:
    """What is asked before the launch: how many people, from when on if not now, and until when."""
    writer, late = Writer(visit.language, visit.time_zone), check.finishes_at is None
    about = {"count": writer.number(check.contacts - check.suppressed)}
    if not late:
        about["finish"] = writer.moment(check.finishes_at)
    if draft.start_at is None or draft.start_at <= datetime.now(UTC):
        return visit.say(LAUNCH_FOR_YEARS if late else LAUNCH, **about)
    return visit.say(SCHEDULE_FOR_YEARS if late else SCHEDULE, start=writer.moment(draft.start_at), **about)


async def _outcome(visit: Visit, campaign_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    async with visit.caller.transaction() as session:
        view = await find_delivery(session, delivery_id)
    if view is None or view.delivery.kind != DeliveryKind.TEST:
        raise NotFound("test")
    delivery = view.delivery
    status = DeliveryStatus(delivery.status)
    return {
        "errors": {},
        "delivery": delivery,
        "phone": view.phone,
        "said": OUTCOMES[status],
        "reason": reason_text(delivery.reason),
        "good": status == DeliveryStatus.SENT,
        "waits": status in UNDER_WAY,
        "campaign_id": campaign_id,
    }
