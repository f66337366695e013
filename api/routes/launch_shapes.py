"""What is told of a launch before and as it happens, and what is said for a test send."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.routes.variant_shapes import LackingByVariant, VariantName
from api.shapes import Shape, Text
from domain.statuses import CampaignStatus, DeliveryStatus


class CommandAnswer(BaseModel):
    """A command was taken; `status` is the campaign's state from now on."""

    id: UUID
    status: CampaignStatus


class CancelAnswer(CommandAnswer):
    """The campaign is cancelled."""

    stopped: int = Field(description="Contacts that will get no Message 1 any more.")


class RetryAnswer(CommandAnswer):
    """Failed contacts are in line again."""

    retried: int


class LaunchProblem(BaseModel):
    """Something to put right before, or to know at, the start."""

    code: str
    message: str


class LackingContactOut(BaseModel):
    """A contact without a value for variables that have no fallback."""

    contact_id: UUID
    phone: str
    missing: list[str]


class MissingVariables(BaseModel):
    """Who lacks what: `count` contacts in all, the first 50 of them listed."""

    count: int
    variables: list[str] = Field(description="What the listed contacts lack.")
    contacts: list[LackingContactOut]
    variants: list[LackingByVariant] = Field(
        default=[], description="Which variants of Message 1 lack something, and how many contacts each."
    )


class LaunchCheck(BaseModel):
    """Whether a start would be accepted, and what it would lead to."""

    ok: bool
    problems: list[LaunchProblem] = Field(description="Each of these has `start` refused.")
    warnings: list[LaunchProblem] = Field(description="These have not.")
    contacts: int
    suppressed: int = Field(description="Contacts who must not be written to: they are passed over.")
    missing_variables: MissingVariables
    eta_seconds: float = Field(
        description="How long it takes until the last Message 1 is out; send windows reckoned, quota not."
    )
    sending_seconds: float = Field(description="How long the sending itself takes at this pace.")
    opens_at: datetime | None = Field(description="When the send windows first open; null: they are open at the start.")
    open_share: float = Field(description="The part of a week in which send windows let messages out, 0 to 1.")
    finishes_at: datetime | None = Field(
        description="When the last Message 1 is out if it is started now, or as scheduled; null: in over ten years."
    )
    closes_at: datetime | None = Field(description="When the last reply window ends; null as with `finishes_at`.")


VariableName = Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class TestSend(Shape):
    """Whom to send a test to, and with which values."""

    __test__ = False  # the name is for people; pytest would collect it

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"phone": "+33612345678", "variables": {"first_name": "Ana"}, "message": 1}]}
    )

    phone: Annotated[Text, StringConstraints(min_length=1, max_length=64)] = Field(description="E.164, or local.")
    variables: Annotated[
        dict[VariableName, Annotated[Text, StringConstraints(max_length=1000)]], Field(max_length=100)
    ] = Field(default_factory=dict)
    message: Annotated[int, Field(strict=True, ge=1, le=2, description="Message 1 or Message 2.")] = 1
    variant: VariantName | None = Field(default=None, description="Which variant of Message 1; null: the first.")


class TestSendAnswer(BaseModel):
    """The test is on its way; see `GET /api/deliveries/{delivery_id}` for what became of it."""

    __test__ = False

    delivery_id: UUID
    status: DeliveryStatus
    text: str = Field(description="The message as it goes out.")
