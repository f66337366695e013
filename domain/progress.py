"""The counts of a campaign, as its progress shows them."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.problems import Problem

MESSAGE_1_STATES = (
    "pending",
    "sending",
    "sent",
    "delivered",
    "read",
    "failed",
    "suppressed",
    "unknown",
    "cancelled",
)
"""Every contact is in exactly one of these with its Message 1, so that they add up to the total."""


class SumMismatch(Problem):
    """The states do not add up to the total: the counts were not read at one instant, or one was forgotten."""


class Counts(BaseModel):
    """How many contacts of a campaign are where. Refuses to exist when the states of Message 1 miss the total.

    `replied`, `message_2_sent`, `no_reply` tell what followed Message 1; `held` (part of `pending` or `sending`) and
    `opted_out` look at the same contacts from another side. None of these five belongs to the sum.
    """

    model_config = ConfigDict(frozen=True)

    total: int = Field(default=0, ge=0)
    pending: int = Field(default=0, ge=0)
    sending: int = Field(default=0, ge=0)
    sent: int = Field(default=0, ge=0)
    delivered: int = Field(default=0, ge=0)
    read: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)
    suppressed: int = Field(default=0, ge=0)
    unknown: int = Field(default=0, ge=0)
    replied: int = Field(default=0, ge=0)
    message_2_sent: int = Field(default=0, ge=0)
    no_reply: int = Field(default=0, ge=0)
    cancelled: int = Field(default=0, ge=0)
    held: int = Field(default=0, ge=0)
    opted_out: int = Field(default=0, ge=0)

    @classmethod
    def of(cls, states: dict[str, int], **followed: int) -> Self:
        """Counts from the number of contacts per Message 1 state; the total is their sum. Unknown state: ValueError."""
        if strangers := states.keys() - set(MESSAGE_1_STATES):
            raise ValueError(f"{', '.join(sorted(strangers))}: not a state of Message 1")
        return cls.model_validate({**states, **followed, "total": sum(states.values())})

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        self.check_sum()
        return self

    def check_sum(self) -> None:
        """Raises SumMismatch unless total = the sum of the Message 1 states."""
        states = {name: int(getattr(self, name)) for name in MESSAGE_1_STATES}
        if sum(states.values()) != self.total:
            told = " + ".join(f"{name} {count}" for name, count in states.items() if count)
            raise SumMismatch(f"total is {self.total}, but the states add up to {sum(states.values())}: {told or 0}")

    @property
    def attempted(self) -> int:
        """Messages that were given to the platform and had a result, or whose answer was lost."""
        return self.sent + self.delivered + self.read + self.failed + self.unknown

    @property
    def error_rate(self) -> float:
        """(failed + unknown) / attempted, 0 to 1. A lost answer is an error of the platform until it is settled."""
        return (self.failed + self.unknown) / self.attempted if self.attempted else 0.0

    @property
    def left(self) -> int:
        """Messages 1 that are still to go out: the N of the estimate."""
        return self.pending + self.sending
