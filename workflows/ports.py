"""What the processes ask of the world; `activities/` implements it."""

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from temporalio import activity

from domain.campaigns import CampaignRef
from domain.deliveries import DeliveryRequest, Receipt
from domain.pacing import Pacing
from domain.statuses import CampaignStatus, Outcome


class Frozen(BaseModel):
    """A message between a workflow and an activity: fields are only ever added, with a default."""

    model_config = ConfigDict(frozen=True)


class EnrollmentRef(Frozen):
    """Which contact in which campaign."""

    tenant_id: UUID
    campaign_id: UUID
    contact_id: UUID


class EnrollmentInput(Frozen):
    """What an enrollment starts from. `rate_per_second` is the channel's, for the send queue's fairness."""

    enrollment: EnrollmentRef
    channel_id: UUID
    rate_per_second: float
    reply_window_seconds: float
    generation: int = 0


class EnrollmentResult(Frozen):
    """How an enrollment ended."""

    outcome: Outcome
    reason: str | None = None


class CloseRequest(Frozen):
    """Asks to end an enrollment. With outcome `no_reply` a reply that was recorded but not signalled wins instead."""

    enrollment: EnrollmentRef
    outcome: Outcome


class CloseResult(Frozen):
    """Whether the enrollment is now closed; False when a recorded reply was found in time."""

    closed: bool
    interaction_id: UUID | None = None


class CampaignPlan(Frozen):
    """What a campaign's workflow needs to know to run it; texts and contacts stay in the database."""

    status: CampaignStatus
    channel_id: UUID
    rate_per_second: float
    reply_window_seconds: float
    pacing: Pacing
    delay_seconds: float
    start_at: datetime | None = None


class LaunchRequest(Frozen):
    """Asks for the next enrollments to be started, spread `delay_seconds` apart from `first_at` on."""

    campaign: CampaignRef
    size: int
    first_at: datetime
    delay_seconds: float


class LaunchResult(Frozen):
    """How many were started, the first of them due when, and whether that was the last of them.

    `opens_at` is set when none was, because the send window is closed for everybody in line until then.
    """

    started: int
    exhausted: bool
    first_at: datetime | None = None
    opens_at: datetime | None = None


class StockRequest(Frozen):
    """Asks for stock to be taken as soon as at most `in_flight` launched Message 1 are not yet out."""

    campaign: CampaignRef
    in_flight: int
    since: datetime
    """The error sample is of messages that the platform is asked, and of failures that it tells, from here on."""
    patience_seconds: float


class Stock(Frozen):
    """Where a campaign stands; `open` counts enrollments that have not ended, launched or not, `in_line` the latter.

    Those whom the campaign's window has wait are not `in_flight`; while nobody else is, `held_until` says how long.
    """

    taken_at: datetime
    in_flight: int
    attempted: int
    errored: int
    open: int
    in_line: int = 0
    last_deadline: datetime | None = None
    rate_per_second: float
    probe: str | None = None
    held_until: datetime | None = None


class MarkRequest(Frozen):
    """Asks for a campaign's new state to be written; from the commit on, the gate holds sends to it.

    With `pacing_only` the reason of a pause and a probe that is out stay as they are.
    """

    campaign: CampaignRef
    status: CampaignStatus
    reason: str | None = None
    probe: str | None = None
    delay_seconds: float | None = None
    pacing: Pacing | None = None
    error_rate: float | None = None
    pacing_only: bool = False


class MarkResult(Frozen):
    """The state that is now in force, and how many contacts the change stopped."""

    status: CampaignStatus
    affected: int = 0


class ReleaseRequest(Frozen):
    """Asks for held work to go on: of one campaign or of one channel, `limit` of it when given."""

    tenant_id: UUID
    campaign_id: UUID | None = None
    channel_id: UUID | None = None
    limit: int | None = None


class Count(Frozen):
    """How many things an activity dealt with."""

    count: int


class SweepRequest(Frozen):
    """Asks for inbound events that were stored but not processed."""

    older_than_seconds: float = 5.0
    limit: int = 500


class CheckRequest(Frozen):
    """Asks whether an account can send. Its credentials come sealed, as a channel keeps them."""

    tenant_id: UUID
    platform: str
    credentials: str = Field(repr=False)


class Finding(StrEnum):
    """What became of the question whether an account can send."""

    READY = "ready"
    NOT_LINKED = "not_linked"
    NO_DEVICE = "no_device"
    REFUSED = "refused"
    BLOCKED = "blocked"
    BUSY = "busy"
    SILENT = "silent"
    OTHER_KEY = "other_key"
    """The worker cannot open what the API has sealed: the two have different keys."""


class CheckResult(Frozen):
    """The finding, and the platform's own words to it."""

    finding: Finding
    detail: str | None = None


class Channels(ABC):
    """The accounts on the platforms."""

    @activity.defn(name="channels.check")
    @abstractmethod
    async def check(self, request: CheckRequest) -> CheckResult:
        """Asks the platform whether the account can send; changes nothing."""


class Deliveries(ABC):
    """The one road that every send takes (queue `relance-send`)."""

    @activity.defn(name="deliveries.send")
    @abstractmethod
    async def send(self, request: DeliveryRequest) -> Receipt:
        """Sends once under the request's idempotency key; repeating it returns the same receipt."""


class Enrollments(ABC):
    """The records of one contact's campaign."""

    @activity.defn(name="enrollments.close")
    @abstractmethod
    async def close(self, request: CloseRequest) -> CloseResult:
        """Ends an enrollment, unless its end is `no_reply` and a reply is on record."""


class Campaigns(ABC):
    """The records of a campaign and the start of its enrollments."""

    @activity.defn(name="campaigns.plan")
    @abstractmethod
    async def plan(self, campaign: CampaignRef) -> CampaignPlan:
        """Reads how the campaign is to be run."""

    @activity.defn(name="campaigns.launch")
    @abstractmethod
    async def launch(self, request: LaunchRequest) -> LaunchResult:
        """Starts the next enrollments; repeating it starts none twice."""

    @activity.defn(name="campaigns.take_stock")
    @abstractmethod
    async def take_stock(self, request: StockRequest) -> Stock:
        """Counts, once few enough are in flight or patience ends."""

    @activity.defn(name="campaigns.mark")
    @abstractmethod
    async def mark(self, request: MarkRequest) -> MarkResult:
        """Writes the campaign's state."""

    @activity.defn(name="campaigns.requeue_failed")
    @abstractmethod
    async def requeue_failed(self, campaign: CampaignRef) -> Count:
        """Puts contacts whose Message 1 failed back in line."""

    @activity.defn(name="campaigns.stop_open")
    @abstractmethod
    async def stop_open(self, campaign: CampaignRef) -> Count:
        """Tells every enrollment that still runs to end."""


class Holds(ABC):
    """Held deliveries."""

    @activity.defn(name="holds.release")
    @abstractmethod
    async def release(self, request: ReleaseRequest) -> Count:
        """Signals `release` to the workflows of held deliveries."""


class Inbound(ABC):
    """Inbound events."""

    @activity.defn(name="inbound.sweep")
    @abstractmethod
    async def sweep(self, request: SweepRequest) -> Count:
        """Processes events that were stored but not processed."""
