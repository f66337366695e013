"""How the rest of the house reaches workflows: it starts, commands and signals them, and says what went wrong."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID, uuid4

from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain import ids
from domain.campaigns import CampaignInput, CampaignRef, ChangePacing, Command, CommandResult
from domain.deliveries import DeliveryRequest
from domain.signals import Signal, SignalName
from workflows.ports import CheckRequest, CheckResult, ReleaseRequest

TENANT = SearchAttributeKey.for_keyword("RelanceTenant")
CAMPAIGN = SearchAttributeKey.for_keyword("RelanceCampaign")
CHANNEL = SearchAttributeKey.for_keyword("RelanceChannel")

ANSWER_WITHIN = timedelta(seconds=10)
CHECKED_WITHIN = timedelta(seconds=20)
LONGEST_DETAIL = 300


class EngineUnavailable(Exception):
    """Temporal, or the worker behind it, does not answer. What was asked may be done, or may be done yet."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"The engine does not answer ({detail}). What was asked may be done all the same: look before you ask "
            "again. Check that Temporal and a worker run."
        )


def _unavailable(error: RPCError) -> EngineUnavailable:
    """What Temporal said, for the operator: a missing search attribute, say, is no outage and needs another cure."""
    return EngineUnavailable(f"{error.status.name}: {error.message}"[:LONGEST_DETAIL])


class CampaignRefused(Exception):
    """The campaign's state forbids the command; the message says which state."""


def search_attributes(tenant_id: UUID, channel_id: UUID, campaign_id: UUID | None = None) -> TypedSearchAttributes:
    """What every workflow of ours can be found by."""
    pairs = [SearchAttributePair(TENANT, str(tenant_id)), SearchAttributePair(CHANNEL, str(channel_id))]
    if campaign_id is not None:
        pairs.append(SearchAttributePair(CAMPAIGN, str(campaign_id)))
    return TypedSearchAttributes(pairs)


class Workflows:
    """The workflows of one Temporal namespace."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def namespace(self) -> str:
        """The namespace's name."""
        return self.client.namespace

    async def start_campaign(self, campaign: CampaignRef, channel_id: UUID, name: str) -> None:
        """Starts a campaign's workflow. Raises `EngineUnavailable`; the start may have come about all the same.

        What runs under the id of a draft is left from a start that was not written down, and is about to end: it makes
        way. To reopen one that is still closing raises `CampaignRefused`.
        """
        ghosts = WorkflowIDConflictPolicy.FAIL if campaign.reopen else WorkflowIDConflictPolicy.TERMINATE_EXISTING
        try:
            await self.client.start_workflow(
                "Campaign",
                CampaignInput(campaign=campaign),
                id=ids.campaign_workflow_id(campaign.campaign_id),
                task_queue=ids.TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=ghosts,
                search_attributes=search_attributes(campaign.tenant_id, channel_id, campaign.campaign_id),
                static_summary=f"Campaign {name}",
                static_details="Launches one workflow per contact, batch by batch, and takes stock after each batch.",
                rpc_timeout=ANSWER_WITHIN,
            )
        except WorkflowAlreadyStartedError as error:
            raise CampaignRefused("The campaign is just ending; ask again in a moment.") from error
        except RPCError as error:
            raise _unavailable(error) from error

    async def command(self, campaign_id: UUID, command: Command, request_id: UUID | None = None) -> CommandResult:
        """Pause, resume, cancel or retry failed. Raises `CampaignRefused` or `EngineUnavailable`.

        A repeat under the same `request_id` has no second effect and gets the first one's result.
        """
        return await self._update(campaign_id, command.value, None, request_id)

    async def change_pacing(self, campaign_id: UUID, change: ChangePacing) -> CommandResult:
        """New pacing for a running campaign. Raises `CampaignRefused` or `EngineUnavailable`."""
        return await self._update(campaign_id, "change_pacing", change)

    async def _update(
        self, campaign_id: UUID, name: str, argument: ChangePacing | None, request_id: UUID | None = None
    ) -> CommandResult:
        handle = self.client.get_workflow_handle(ids.campaign_workflow_id(campaign_id))
        try:
            result: CommandResult = await handle.execute_update(
                name,
                *([argument] if argument is not None else []),
                id=None if request_id is None else str(request_id),
                result_type=CommandResult,
                rpc_timeout=ANSWER_WITHIN,
            )
            return result
        except WorkflowUpdateFailedError as error:
            reason = error.cause.message if isinstance(error.cause, ApplicationError) else str(error.cause)
            raise CampaignRefused(reason) from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise EngineUnavailable("no worker took the command in time") from error
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise CampaignRefused("The campaign is not running.") from error
            raise _unavailable(error) from error

    async def deliver(self, signals: Iterable[Signal]) -> None:
        """Sends signals; a workflow that has ended does not need its own. Raises `EngineUnavailable`."""
        for signal in signals:
            await self._signal(signal)

    async def _signal(self, signal: Signal) -> None:
        argument = {SignalName.REPLY_RECEIVED: signal.reply, SignalName.STOP: signal.stop}.get(signal.name)
        handle = self.client.get_workflow_handle(signal.workflow_id)
        try:
            await handle.signal(
                signal.name.value, *([argument] if argument is not None else []), rpc_timeout=ANSWER_WITHIN
            )
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise _unavailable(error) from error

    async def release_channel(self, tenant_id: UUID, channel_id: UUID) -> None:
        """Lets all that a channel held go on, however much it is. Raises `EngineUnavailable`."""
        try:
            await self.client.start_workflow(
                "ChannelRelease",
                ReleaseRequest(tenant_id=tenant_id, channel_id=channel_id),
                id=ids.channel_release_workflow_id(channel_id),
                # A release that is under way may have passed by what was held since: begin again.
                id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
                task_queue=ids.TASK_QUEUE,
                search_attributes=search_attributes(tenant_id, channel_id),
                static_summary="Lets the channel's held deliveries go on",
                rpc_timeout=ANSWER_WITHIN,
            )
        except RPCError as error:
            raise _unavailable(error) from error

    async def check_channel(self, tenant_id: UUID, platform: str, sealed: bytes) -> CheckResult:
        """Has a worker ask the platform whether these sealed credentials can send. Raises `EngineUnavailable`."""
        try:
            handle = await self.client.start_workflow(
                "ChannelCheck",
                CheckRequest(tenant_id=tenant_id, platform=platform, credentials=sealed.decode()),
                id=ids.channel_check_workflow_id(uuid4()),
                task_queue=ids.TASK_QUEUE,
                # Where no worker is, the question ends by itself: nobody waits for its answer any more.
                execution_timeout=CHECKED_WITHIN,
                search_attributes=TypedSearchAttributes([SearchAttributePair(TENANT, str(tenant_id))]),
                static_summary="Asks the platform whether an account can send",
                result_type=CheckResult,
                rpc_timeout=ANSWER_WITHIN,
            )
            result: CheckResult = await handle.result()
            return result
        except WorkflowFailureError as error:
            raise EngineUnavailable("no worker took the question in time") from error
        except RPCError as error:
            raise _unavailable(error) from error

    async def send_single(self, delivery_id: UUID, request: DeliveryRequest) -> None:
        """Sends one message outside any campaign; repeating the call changes nothing. Raises `EngineUnavailable`."""
        try:
            await self.client.start_workflow(
                "SingleDelivery",
                request,
                id=ids.single_delivery_workflow_id(delivery_id),
                task_queue=ids.TASK_QUEUE,
                search_attributes=search_attributes(request.tenant_id, request.channel_id, request.campaign_id),
                static_summary=f"Sends one {request.kind.value} message",
                rpc_timeout=ANSWER_WITHIN,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise _unavailable(error) from error
