"""What a rehearsal is told: the campaign as it stands, without texts and without personal data, and what to assume."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.campaign_window import CampaignWindow, Hours
from domain.pacing import Pacing
from domain.window import SendWindow

MOST_CONTACTS = 5000
"""A rehearsal takes about as long for each contact as the engine itself works for it: of more, the first are played."""


class Frozen(BaseModel):
    """A document that one process hands to another."""

    model_config = ConfigDict(frozen=True)


class ContactFacts(Frozen):
    """One contact in line. `lacking` names the variables that any of the texts needs and it does not have."""

    id: UUID
    dial_prefix: str = ""
    """What of its phone tells its time zones (`domain.phone_zones`); empty when they are not known."""
    suppressed: bool = False
    lacking: list[str] = Field(default_factory=list)


class ChannelFacts(Frozen):
    """The channel's limits. `sharers` counts the campaigns that its rate is shared by, this one among them."""

    id: UUID
    rate_per_second: float = Field(gt=0)
    sharers: int = Field(default=1, ge=1)
    daily_quota: int | None = None
    used_today: int = 0
    send_window: SendWindow | None = None

    @property
    def share_per_second(self) -> float:
        """What this campaign gets of the rate."""
        return self.rate_per_second / self.sharers


class CampaignFacts(Frozen):
    """A campaign and those of its contacts that still wait for Message 1, in order; `waiting` counts all of them."""

    tenant_id: UUID
    campaign_id: UUID
    name: str
    time_zone: str
    pacing: Pacing
    delay_seconds: float
    reply_window_seconds: float
    start_at: datetime | None = None
    send_window: CampaignWindow | None = None
    channel: ChannelFacts
    waiting: int
    contacts: list[ContactFacts]

    @property
    def hours(self) -> Hours | None:
        """When the campaign's own window opens for whom; None when it has none."""
        return None if self.send_window is None else Hours(self.send_window, self.time_zone)


class Assumptions(Frozen):
    """What people and the platform are taken to do; the same seed makes the same people answer after the same time."""

    reply_share: float = Field(default=0.3, ge=0, le=1)
    reply_after_seconds: float = Field(default=600.0, gt=0, le=30 * 86_400)
    """Half of those who answer have done so after this."""
    failure_share: float = Field(default=0.0, ge=0, le=1)
    """The platform refuses this share of the messages."""
    seed: int = Field(default=1, ge=0, le=2**31 - 1)


class Brief(Frozen):
    """All that a rehearsal needs."""

    campaign: CampaignFacts
    assumptions: Assumptions = Field(default_factory=Assumptions)
