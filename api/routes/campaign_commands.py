"""What an operator orders of a campaign: start, pause, resume, cancel, retry failed, and a test to oneself."""

from uuid import UUID

from api.dependencies import Caller, Reader, Sender
from api.launch import look_at_launch, refuse_unready
from api.problems import Conflict, Unprocessable
from api.routes.campaigns import found
from api.routes.launch_shapes import (
    CancelAnswer,
    CommandAnswer,
    LaunchCheck,
    RetryAnswer,
    TestSend,
    TestSendAnswer,
)
from api.routing import api_router
from api.tenants import phone_of
from db.campaigns import cancel_draft, leave_draft, queue_test
from db.reading.progress import read_progress
from db.tables import Campaign
from domain.campaigns import ALLOWED, CampaignRef, Command, CommandResult
from domain.deliveries import DeliveryRequest
from domain.statuses import CampaignStatus, DeliveryKind, DeliveryStatus
from domain.template_reading import TemplateProblem
from domain.templates import MissingVariable, render
from domain.variables import variable_name
from workflows.handles import CampaignRefused, EngineUnavailable

STARTED = frozenset({CampaignStatus.SCHEDULED, CampaignStatus.RUNNING})

router = api_router("campaigns", "campaigns")


@router.get("/{campaign_id}/launch-check")
async def launch_check(campaign_id: UUID, caller: Reader) -> LaunchCheck:
    """See whether a start would be accepted, and what it would lead to."""
    async with caller.transaction() as session:
        return await look_at_launch(session, campaign_id)


@router.post("/{campaign_id}/start", status_code=202)
async def start(campaign_id: UUID, caller: Sender) -> CommandAnswer:
    """Start a draft, at once or at its `start_at`. A variable that some contact lacks has it refused (422)."""
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
        status = await leave_draft(session, campaign_id)
        if status is None and caller.after_a_crash and campaign.status in STARTED:
            return CommandAnswer(id=campaign_id, status=campaign.status)
        if status is None:
            raise _forbidden(campaign, "start", frozenset({CampaignStatus.DRAFT}))
        await refuse_unready(session, campaign)
        # Before the commit: if the engine is away the campaign stays a draft, and nothing says that it runs.
        await caller.workflows.start_campaign(_ref(campaign), campaign.channel_id, campaign.name)
    return CommandAnswer(id=campaign_id, status=status)


@router.post("/{campaign_id}/pause", status_code=202)
async def pause(campaign_id: UUID, caller: Sender) -> CommandAnswer:
    """Pause: at most the messages already handed to the platform go out."""
    result = await _command(caller, campaign_id, Command.PAUSE)
    return CommandAnswer(id=campaign_id, status=result.status)


@router.post("/{campaign_id}/resume", status_code=202)
async def resume(campaign_id: UUID, caller: Sender) -> CommandAnswer:
    """Go on; after a stop by the error rate one message goes first as a probe."""
    result = await _command(caller, campaign_id, Command.RESUME)
    return CommandAnswer(id=campaign_id, status=result.status)


@router.post("/{campaign_id}/cancel", status_code=202)
async def cancel(campaign_id: UUID, caller: Sender) -> CancelAnswer:
    """End a campaign for good; says how many contacts were stopped before their Message 1."""
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
        if campaign.status == CampaignStatus.DRAFT:
            stopped = await cancel_draft(session, campaign_id)
            if stopped is None:
                raise Conflict("The campaign has just been started; cancel it again.")
            return CancelAnswer(id=campaign_id, status=CampaignStatus.CANCELLED, stopped=stopped)
        if caller.after_a_crash and campaign.status == CampaignStatus.CANCELLED and campaign.started_at is None:
            contacts = await read_progress(session, campaign_id)  # a draft: all that it had were stopped
            return CancelAnswer(
                id=campaign_id, status=campaign.status, stopped=contacts.counts.total if contacts else 0
            )
    try:
        result = await _command(caller, campaign_id, Command.CANCEL)
    except EngineUnavailable:
        # A campaign may have more contacts than can be stopped while a caller waits. It is cancelled before the first
        # of them is, and for good.
        if (answer := await _while_it_is_cancelled(caller, campaign_id)) is not None:
            return answer
        raise
    return CancelAnswer(id=campaign_id, status=result.status, stopped=result.affected)


async def _while_it_is_cancelled(caller: Caller, campaign_id: UUID) -> CancelAnswer | None:
    """Counts those who still wait among those who are stopped; None unless the campaign is cancelled."""
    async with caller.transaction() as session:
        progress = await read_progress(session, campaign_id)
    if progress is None or progress.campaign.status != CampaignStatus.CANCELLED:
        return None
    stopped = progress.counts.cancelled + progress.counts.pending
    return CancelAnswer(id=campaign_id, status=CampaignStatus.CANCELLED, stopped=stopped)


@router.post("/{campaign_id}/retry-failed", status_code=202)
async def retry_failed(campaign_id: UUID, caller: Sender) -> RetryAnswer:
    """Put the contacts whose Message 1 failed in line again; a completed campaign is opened again for them."""
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
        if not caller.after_a_crash:
            _refuse_unless_allowed(campaign, Command.RETRY_FAILED)
        progress = await read_progress(session, campaign_id)
    failed = progress.counts.failed if progress else 0
    result = await _retried_by_its_workflow(caller, campaign)
    if result is not None:
        return RetryAnswer(id=campaign_id, status=result.status, retried=result.affected)
    if failed == 0:
        raise Conflict("No contact of this campaign failed; there is nothing to retry.")
    await caller.workflows.start_campaign(_ref(campaign, reopen=True), campaign.channel_id, campaign.name)
    return RetryAnswer(id=campaign_id, status=CampaignStatus.RUNNING, retried=failed)


async def _retried_by_its_workflow(caller: Caller, campaign: Campaign) -> CommandResult | None:
    """What the campaign's workflow made of the order; None when it is over and knows of no earlier run of this."""
    over = campaign.status == CampaignStatus.COMPLETED
    if over and not caller.after_a_crash:
        return None
    try:
        return await caller.workflows.command(campaign.id, Command.RETRY_FAILED, caller.new_id())
    except CampaignRefused:
        if not over:
            raise
        return None


@router.post("/{campaign_id}/test-send", status_code=202)
async def test_send(campaign_id: UUID, body: TestSend, caller: Sender) -> TestSendAnswer:
    """Send one message of the campaign to oneself. It counts in no statistics, but opt-outs and limits hold."""
    phone = await phone_of(caller, body.phone)
    delivery_id = caller.new_id()
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
        text = _rendered(campaign, body)
        delivery = await queue_test(session, campaign, delivery_id, phone, text)
        request = DeliveryRequest(
            tenant_id=caller.tenant_id,
            channel_id=campaign.channel_id,
            contact_id=delivery.contact_id,
            kind=DeliveryKind.TEST,
            idempotency_key=delivery.idempotency_key,
        )
    await caller.workflows.send_single(delivery_id, request)
    return TestSendAnswer(delivery_id=delivery_id, status=DeliveryStatus(delivery.status), text=text)


def _rendered(campaign: Campaign, body: TestSend) -> str:
    template = _message_1(campaign, body.variant) if body.message == 1 else campaign.message_2
    try:
        return render(template, {variable_name(name): value for name, value in body.variables.items()})
    except MissingVariable as error:
        raise Unprocessable.of(f"variables.{error.name}", "This variable has no fallback; give it a value.") from error
    except TemplateProblem as error:
        raise Unprocessable.of("variables", str(error)) from error


def _message_1(campaign: Campaign, variant: str | None) -> str:
    if variant is None:
        return campaign.message_1
    texts = {one["name"]: str(one["text"]) for one in campaign.variants}
    if variant not in texts:
        raise Unprocessable.of("variant", "The campaign has no variant of this name.")
    return texts[variant]


async def _command(caller: Caller, campaign_id: UUID, command: Command) -> CommandResult:
    async with caller.transaction() as session:
        campaign = await found(session, campaign_id)
    if not caller.after_a_crash:  # else the workflow knows whether it was this request that brought the state about
        _refuse_unless_allowed(campaign, command)
    return await caller.workflows.command(campaign_id, command, caller.new_id())


def _refuse_unless_allowed(campaign: Campaign, command: Command) -> None:
    if campaign.status not in ALLOWED[command]:
        raise _forbidden(campaign, command.value.replace("_", " "), ALLOWED[command])


def _forbidden(campaign: Campaign, verb: str, allowed: frozenset[CampaignStatus]) -> Conflict:
    return Conflict(
        f"The campaign is {campaign.status}; '{verb}' is possible while it is {' or '.join(sorted(allowed))}."
    )


def _ref(campaign: Campaign, *, reopen: bool = False) -> CampaignRef:
    return CampaignRef(tenant_id=campaign.tenant_id, campaign_id=campaign.id, reopen=reopen)
