"""How the simulated world behaves when nothing is broken: people who reply, receipts, the shape of webhooks."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Share = float  # 0..1, checked where it is a field

Variant = Literal["captured", "skills", "queue"]


class Setting(BaseModel):
    """A setting of the control API: a misspelt field is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid")


class Span(Setting):
    """A duration drawn evenly between two bounds, in seconds."""

    min_seconds: float = Field(ge=0)
    max_seconds: float = Field(ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_seconds > self.max_seconds:
            raise ValueError("min_seconds must not be above max_seconds")
        return self

    def at(self, draw: float) -> float:
        return self.min_seconds + draw * (self.max_seconds - self.min_seconds)


class WeightedText(Setting):
    text: str = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0)


class ReplyRule(Setting):
    """Overrides for some people or some messages; the first rule whose conditions all hold is used."""

    phone: str | None = None
    text_contains: str | None = None
    text_pattern: str | None = None
    share: Share | None = Field(default=None, ge=0, le=1)
    texts: list[WeightedText] | None = None
    delay: Span | None = None

    @field_validator("text_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"text_pattern is not a regular expression: {error}") from None
        return pattern


class Burst(Setting):
    """Some people write several texts in a row instead of one."""

    share: Share = Field(default=0.0, ge=0, le=1)
    min_texts: int = Field(default=2, ge=1, le=50)
    max_texts: int = Field(default=4, ge=1, le=50)
    gap: Span = Span(min_seconds=0.2, max_seconds=1.0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_texts > self.max_texts:
            raise ValueError("min_texts must not be above max_texts")
        return self


class People(Setting):
    """`stop_share` of all people answer with `stop_text`, a further `reply_share` with one of `texts`."""

    reply_share: Share = Field(default=0.3, ge=0, le=1)
    stop_share: Share = Field(default=0.02, ge=0, le=1)
    stop_text: str = Field(default="STOP", min_length=1)
    delay: Span = Span(min_seconds=2.0, max_seconds=15.0)
    texts: list[WeightedText] = Field(
        default=[
            WeightedText(text="Yes, tell me more", weight=3),
            WeightedText(text="How much is it?", weight=2),
            WeightedText(text="Not now, thank you", weight=1),
        ],
        min_length=1,
    )
    rules: list[ReplyRule] = []
    burst: Burst = Burst()
    max_replies: int = Field(default=1, ge=0)


class Receipts(Setting):
    """Which receipts a message gets, and after how long each follows the one before it."""

    announce: bool = True  # False: the state moves, but only a look-up sees it
    out_new: bool = True
    out_sent: bool = True
    ack_server: bool = False
    ack_device: bool = False
    delivered_share: Share = Field(default=1.0, ge=0, le=1)
    read_share: Share = Field(default=0.8, ge=0, le=1)
    failed_share: Share = Field(default=0.0, ge=0, le=1)
    failure_reason: str = "Phone number is not registered on WhatsApp"
    delay: Span = Span(min_seconds=0.05, max_seconds=0.3)
    read_delay: Span = Span(min_seconds=0.5, max_seconds=5.0)


class Webhooks(Setting):
    """How webhooks look and how stubbornly they are repeated (2xx within `timeout_seconds` ends it)."""

    variant: Variant = "captured"
    ack_carries_reference: bool = True
    failure_shape: Literal["reason", "error_text", "error_object"] = "reason"
    sign: bool = False  # webhooks registered from now on get a secret and are signed with it
    timeout_seconds: float = Field(default=10.0, gt=0)
    backoff_seconds: float = Field(default=0.5, gt=0)
    backoff_cap_seconds: float = Field(default=60.0, gt=0)
    give_up_after_seconds: float = Field(default=86_400.0, ge=0)


class Behaviour(Setting):
    people: People = People()
    receipts: Receipts = Receipts()
    webhooks: Webhooks = Webhooks()
