"""What is said and told of campaigns."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.handlers import field_name, sentence
from api.message_shapes import MessageTemplate
from api.problems import FieldError, Unprocessable
from api.routes.campaign_window_shapes import CampaignHours
from api.routes.variant_shapes import VariantIn, Variants
from api.shapes import Moment, Name, Number, Shape, Whole
from db.reading.progress import Progress
from db.tables import Campaign
from domain.eta import in_steps
from domain.pacing import DAY_SECONDS, Pacing
from domain.progress import Counts
from domain.statuses import CampaignStatus

DEFAULT_WINDOW_SECONDS, LONGEST_WINDOW_SECONDS = 86_400.0, 30 * 86_400.0

PACING_EXAMPLE: dict[str, Any] = {"delay_seconds": 1.5, "batch_size": 50, "batch_pause_seconds": 10}


Delay = Annotated[Number, Field(ge=0, le=DAY_SECONDS)]
Window = Annotated[Number, Field(gt=0, le=LONGEST_WINDOW_SECONDS, description="Seconds, at most 30 days.")]


class PacingIn(Shape):
    """Delay between messages, batch size, pause between batches, and the bounds of the adaptive delay. Seconds."""

    delay_seconds: Delay | None = None
    batch_size: Annotated[Whole, Field(ge=1, le=1000)] | None = None
    batch_pause_seconds: Delay | None = None
    min_delay_seconds: Delay | None = None
    max_delay_seconds: Delay | None = None

    def complete(self, rate_per_second: float) -> Pacing:
        """The whole pacing for a channel of this rate; raises a 422 problem naming the field."""
        given = self.model_dump(exclude_none=True)
        given.setdefault("delay_seconds", default_delay(rate_per_second, given))
        return _checked(lambda: Pacing.model_validate(given))

    def applied_to(self, pacing: Pacing) -> Pacing:
        """That pacing with what is said here replaced; raises a 422 problem naming the field."""
        return _checked(lambda: pacing.changed(**self.model_dump(exclude_none=True)))


def default_delay(rate_per_second: float, given: dict[str, float]) -> float:
    """The channel's own gap, within the bounds that were given."""
    gap = max(min(DAY_SECONDS, 1 / rate_per_second), given.get("min_delay_seconds", 0.0))
    return min(gap, given.get("max_delay_seconds", DAY_SECONDS))


def _checked(make: Any) -> Pacing:
    try:
        pacing: Pacing = make()
    except ValidationError as error:
        raise Unprocessable(
            [
                FieldError(field=f"pacing.{field_name(wrong['loc'])}", message=sentence(wrong))
                for wrong in error.errors()
            ]
        ) from error
    return pacing


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _not_null(description: str | None = None) -> Any:
    """A field that may be left out but not be null."""
    return Field(default=None, description=description, json_schema_extra=_drop_default)


class NewCampaign(Shape):
    """A campaign to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Autumn invitation",
                    "channel_id": "7e57ab1e-0000-4000-8000-000000000001",
                    "message_1": "Hello {{ first_name | default('there') }}, may we tell you about our autumn offer?",
                    "message_2": "Thank you! Here it is: example.com/autumn",
                    "reply_window_seconds": 86_400,
                    "pacing": PACING_EXAMPLE,
                    "start_at": "2030-09-20T09:00:00+02:00",
                    "send_window": {"start": "09:00", "end": "18:00", "days": [0, 1, 2, 3, 4], "zone": "contact"},
                },
                {
                    "name": "Which greeting?",
                    "channel_id": "7e57ab1e-0000-4000-8000-000000000001",
                    "variants": [
                        {"name": "Short", "weight": 50, "text": "Hello {{ first_name | default('there') }}!"},
                        {"name": "Formal", "weight": 50, "text": "Good morning, may we ask you something?"},
                    ],
                    "message_2": "Thank you! Here it is: example.com/autumn",
                },
            ]
        }
    )

    name: Name
    channel_id: UUID
    message_1: MessageTemplate = _not_null("Left out when there are variants.")
    variants: Variants | None = Field(default=None, description="Message 1 as an A/B test, instead of `message_1`.")
    message_2: MessageTemplate
    reply_window_seconds: Window = DEFAULT_WINDOW_SECONDS
    pacing: PacingIn = Field(default_factory=PacingIn)
    start_at: Moment | None = None
    send_window: CampaignHours | None = None


class CampaignChange(Shape):
    """What is to change; a field that is left out stays as it is.

    Messages, start and send window only while it is a draft.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Autumn, second try", "pacing": PACING_EXAMPLE}]}
    )

    name: Name = _not_null()
    message_1: MessageTemplate = _not_null()
    variants: Variants | None = Field(default=None, description="null ends the A/B test; Message 1 stays as it is.")
    message_2: MessageTemplate = _not_null()
    reply_window_seconds: Window = _not_null()
    pacing: PacingIn = _not_null()
    start_at: Moment | None = None
    send_window: CampaignHours | None = Field(default=None, description="null: at any time.")


class CampaignOut(BaseModel):
    """A campaign. `delay_seconds` is the delay in force, which adapts; `pacing` what was asked for."""

    id: UUID
    name: str
    status: CampaignStatus
    paused_reason: str | None
    channel_id: UUID
    message_1: str = Field(description="In an A/B test the text of its first variant.")
    variants: list[VariantIn]
    message_2: str
    reply_window_seconds: float
    pacing: Pacing
    delay_seconds: float
    start_at: datetime | None
    send_window: CampaignHours | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class CampaignProgress(CampaignOut):
    """A campaign and how far it is.

    In `counts`, total = pending + sending + sent + delivered + read + failed + suppressed + unknown + cancelled.
    """

    counts: Counts
    error_rate: float = Field(description="(failed + unknown) / attempted, 0 to 1.")
    recent_error_rate: float = Field(description="Of the last sample that the adaptive delay was reckoned from.")
    eta_seconds: float = Field(description="Seconds until the last Message 1 is out, closed send windows included.")
    opens_at: datetime | None = Field(
        description="When the send windows of the campaign and its channel open for the first of those who are left; "
        "null while one of them can be written to."
    )
    last_contact_id: UUID | None = Field(description="Who was sent Message 1 last.")

    @property
    def seen(self) -> Self:
        """The same with the estimate in steps: whoever watches is told no more often that it fell with the clock."""
        return self.model_copy(update={"eta_seconds": in_steps(self.eta_seconds)})


def campaign_out(campaign: Campaign) -> CampaignOut:
    """The campaign as a list shows it."""
    return CampaignOut.model_validate(campaign.model_dump())


def campaign_progress(progress: Progress) -> CampaignProgress:
    """The campaign as its page shows it."""
    return CampaignProgress.model_validate(
        {
            **progress.campaign.model_dump(),
            "counts": progress.counts,
            "error_rate": progress.counts.error_rate,
            "recent_error_rate": progress.campaign.error_rate,
            "eta_seconds": progress.eta_seconds,
            "opens_at": None if progress.is_over else progress.opens_at,
            "last_contact_id": progress.last_contact_id,
        }
    )
