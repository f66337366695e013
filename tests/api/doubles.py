"""Workflows that only remember what they were asked for, and can be told to be away or to refuse."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.campaigns import CampaignRef, ChangePacing, Command, CommandResult
from domain.deliveries import DeliveryRequest
from domain.signals import Signal
from domain.statuses import CampaignStatus
from workflows.handles import CampaignRefused, EngineUnavailable, Workflows
from workflows.ports import CheckResult, Finding

STATUS_AFTER = {
    Command.PAUSE: CampaignStatus.PAUSED,
    Command.RESUME: CampaignStatus.RUNNING,
    Command.CANCEL: CampaignStatus.CANCELLED,
    Command.RETRY_FAILED: CampaignStatus.RUNNING,
}


@dataclass
class RecordingWorkflows(Workflows):
    """Every call is kept in `calls` as (method, argument)."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    away: bool = False
    loses_answers: bool = False
    """What is asked is done, and nobody is told."""
    refuses: str | None = None
    affected: int = 0
    found: CheckResult = field(default_factory=lambda: CheckResult(finding=Finding.READY))
    updates: dict[UUID, CommandResult] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """As Temporal has it by default."""
        return "default"

    def _note(self, method: str, argument: Any) -> None:
        self._look_up()
        self.calls.append((method, argument))
        self._answer()

    def _look_up(self) -> None:
        if self.away:
            raise EngineUnavailable("UNAVAILABLE")
        if self.refuses is not None:
            raise CampaignRefused(self.refuses)

    def _answer(self) -> None:
        if self.loses_answers:
            raise EngineUnavailable("DEADLINE_EXCEEDED")

    def asked(self, method: str) -> list[Any]:
        """The arguments that a method was called with."""
        return [argument for name, argument in self.calls if name == method]

    async def start_campaign(self, campaign: CampaignRef, channel_id: UUID, name: str) -> None:
        """Remembers the start."""
        self._note("start_campaign", campaign)

    async def command(self, campaign_id: UUID, command: Command, request_id: UUID | None = None) -> CommandResult:
        """Remembers the command; a repeat under its id gets the first result, as Temporal has it."""
        if request_id is not None and request_id in self.updates:
            return self.updates[request_id]
        self._look_up()
        self.calls.append(("command", (campaign_id, command)))
        result = CommandResult(status=STATUS_AFTER[command], affected=self.affected)
        if request_id is not None:
            self.updates[request_id] = result
        self._answer()
        return result

    async def change_pacing(self, campaign_id: UUID, change: ChangePacing) -> CommandResult:
        """Remembers the change."""
        self._note("change_pacing", (campaign_id, change.pacing))
        return CommandResult(status=CampaignStatus.RUNNING)

    async def deliver(self, signals: Iterable[Signal]) -> None:
        """Remembers each signal."""
        for signal in signals:
            self._note("deliver", signal)

    async def release_channel(self, tenant_id: UUID, channel_id: UUID) -> None:
        """Remembers the release."""
        self._note("release_channel", (tenant_id, channel_id))

    async def check_channel(self, tenant_id: UUID, platform: str, sealed: bytes) -> CheckResult:
        """Remembers the question, and answers what it was told to find."""
        self._note("check_channel", (tenant_id, platform, sealed))
        return self.found

    async def send_single(self, delivery_id: UUID, request: DeliveryRequest) -> None:
        """Remembers the request."""
        self._note("send_single", (delivery_id, request))
