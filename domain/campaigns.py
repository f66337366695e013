"""What is asked of a running campaign and what it answers."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from domain.pacing import Pacing
from domain.statuses import CampaignStatus


class Command(StrEnum):
    """What an operator may ask of a campaign that was started."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY_FAILED = "retry_failed"
    CHANGE_PACING = "change_pacing"


ALLOWED: dict[Command, frozenset[CampaignStatus]] = {
    Command.PAUSE: frozenset({CampaignStatus.RUNNING}),
    Command.RESUME: frozenset({CampaignStatus.PAUSED}),
    Command.CANCEL: frozenset({CampaignStatus.SCHEDULED, CampaignStatus.RUNNING, CampaignStatus.PAUSED}),
    Command.RETRY_FAILED: frozenset({CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.COMPLETED}),
    Command.CHANGE_PACING: frozenset(CampaignStatus) - {CampaignStatus.COMPLETED, CampaignStatus.CANCELLED},
}


class CampaignRef(BaseModel):
    """Which campaign; `reopen` starts a completed one again for its failed contacts."""

    model_config = ConfigDict(frozen=True)

    tenant_id: UUID
    campaign_id: UUID
    reopen: bool = False


PROBE_WANTED = "wanted"
PROBE_PASSED = "passed"
PROBE_FAILED = "failed"
"""What a campaign's probe may be besides the idempotency key of the message that is out as the probe."""


class CommandResult(BaseModel):
    """What a command did: the state after it and how many contacts it stopped or put back in line."""

    model_config = ConfigDict(frozen=True)

    status: CampaignStatus
    affected: int = 0


class ChangePacing(BaseModel):
    """A new pacing for a campaign that runs; it takes effect with the next batch."""

    model_config = ConfigDict(frozen=True)

    pacing: Pacing


class CampaignState(BaseModel):
    """What a campaign's workflow carries from run to run.

    `cursor` is when the next batch may begin, `batch_out` whether the last one is still going out; `tripped`: it paused
    itself because of errors; `probing`: it was resumed after that, and its probe has not passed yet.
    """

    cursor: datetime | None = None
    sampled_until: datetime | None = None
    delay_seconds: float = 0.0
    exhausted: bool = False
    batch_out: bool = False
    tripped: bool = False
    probing: bool = False


class CampaignInput(BaseModel):
    """What a campaign's workflow starts from; `state` is set when it continues."""

    campaign: CampaignRef
    state: CampaignState | None = None
