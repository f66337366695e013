"""When to stop because of errors: the campaign's breaker (SPEC CAM-9) and the channel's breaker (SPEC DEL-6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# --- a campaign: too large a share of its messages met an error ---------------------------------------------------

ERROR_RATE_THRESHOLD = 0.20
MINIMUM_SAMPLE = 10


class ErrorSample(BaseModel):
    """What was tried lately and how much of it met an error."""

    model_config = ConfigDict(frozen=True)

    attempted: int = Field(ge=0)
    errored: int = Field(ge=0)

    @model_validator(mode="after")
    def _errors_are_attempts(self) -> Self:
        if self.errored > self.attempted:
            raise ValueError(f"errored ({self.errored}) must not be above attempted ({self.attempted})")
        return self

    @property
    def error_rate(self) -> float:
        """Share of errors, 0 to 1; 0 when nothing was attempted."""
        return self.errored / self.attempted if self.attempted else 0.0


class Verdict(BaseModel):
    """Whether the campaign is to be paused; `reason` is a sentence for people, empty when it goes on."""

    model_config = ConfigDict(frozen=True)

    tripped: bool
    error_rate: float
    reason: str = ""


def judge(
    sample: ErrorSample, threshold: float = ERROR_RATE_THRESHOLD, minimum_sample: int = MINIMUM_SAMPLE
) -> Verdict:
    """Trips when more than `threshold` (0–1) of at least `minimum_sample` messages met an error."""
    rate = sample.error_rate
    if sample.attempted < max(1, minimum_sample) or rate <= threshold:
        return Verdict(tripped=False, error_rate=rate)
    reason = (
        f"{sample.errored} of {sample.attempted} messages met an error ({_percent(rate)}), "
        f"over the limit of {_percent(threshold)}"
    )
    return Verdict(tripped=True, error_rate=rate, reason=reason)


def _percent(share: float) -> str:
    return f"{round(share * 100, 1):g} %"


# --- a channel: the platform does not answer ----------------------------------------------------------------------

FAILURES_TO_OPEN = 5
FIRST_COOL_DOWN_SECONDS = 5.0
MAX_COOL_DOWN_SECONDS = 300.0
BREATH_INTERVALS = 2
BREATH_SECONDS = 0.25
PROBE_LEASE_SECONDS = 60.0
"""How long a probe may stay without a result before another is let through: longer than any send may take."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Go ahead."""


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Not now; ask again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Probe:
    """Go ahead as the one probe: store `claimed` before the call, in the transaction that read the breaker."""

    claimed: "ChannelBreaker"


Passage = Pass | Probe | HoldUntil


class ChannelBreaker(BaseModel):
    """The state of one channel's breaker, as stored; every method returns a new state. Times are aware datetimes.

    closed → (5 failures in a row) → open → (cool-down over, one probe) → half_open → success: closed, failure: open
    again with a doubled cool-down (5 s up to 300 s). A failure is "the platform did not answer, or answered that it is
    unwell", never the rejection of one message. Outcomes that arrive while open belong to calls made before it
    opened: they neither prolong nor end it, the probe decides. `recovered_at` is when it last closed after an outage:
    what failed before then says nothing against a campaign.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["closed", "open", "half_open"] = "closed"
    consecutive_failures: int = 0
    opened_at: datetime | None = None
    open_until: datetime | None = None
    cool_down_seconds: float = FIRST_COOL_DOWN_SECONDS
    probe_started_at: datetime | None = None
    recovered_at: datetime | None = None

    def may_pass(self, now: datetime) -> Passage:
        """Pass, Probe (with the state to store) or HoldUntil an instant after `now`."""
        if self.state == "closed":
            return Pass()
        next_probe = self._next_probe()
        if next_probe is not None and now < next_probe:
            return HoldUntil(next_probe)
        return Probe(self.model_copy(update={"state": "half_open", "probe_started_at": now}))

    def breath(self, interval: timedelta) -> timedelta | None:
        """How long nobody new calls after a failure that did not open it; `interval` is the time between two calls.

        A channel of many calls a second would make a dozen before the fifth failure is known. So the next call waits
        until those under way can have told more, but not for long: an outage has to be known as one, lest its errors
        are held against the campaign.
        """
        if self.state != "closed" or self.consecutive_failures == 0:
            return None
        least = BREATH_INTERVALS * interval
        return least if self.consecutive_failures == 1 else max(least, timedelta(seconds=BREATH_SECONDS))

    @property
    def is_doubtful(self) -> bool:
        """Whether two failures in a row are known: who has a slot, but has not called yet, waits as the others do."""
        return self.state == "closed" and self.consecutive_failures > 1

    def _next_probe(self) -> datetime | None:
        """When a probe may go: after the cool-down, or once the lease of a probe that never reported has run out."""
        if self.state == "half_open" and self.probe_started_at is not None:
            return self.probe_started_at + timedelta(seconds=PROBE_LEASE_SECONDS)
        return self.open_until

    def on_success(self, now: datetime) -> "ChannelBreaker":
        """The platform answered."""
        if self.state == "open":
            return self
        return ChannelBreaker(recovered_at=now if self.state == "half_open" else self.recovered_at)

    def on_failure(self, now: datetime) -> "ChannelBreaker":
        """The platform did not answer."""
        if self.state == "open":
            return self
        failures = self.consecutive_failures + 1
        if self.state == "half_open":
            doubled = min(MAX_COOL_DOWN_SECONDS, self.cool_down_seconds * 2)
            return self._opened(now, doubled, failures)
        if failures >= FAILURES_TO_OPEN:
            return self._opened(now, FIRST_COOL_DOWN_SECONDS, failures)
        return self.model_copy(update={"consecutive_failures": failures})

    def on_unanswered_question(self, now: datetime) -> "ChannelBreaker":
        """The platform did not answer a look-up: while closed that tells as much as a send, later the probe decides."""
        return self.on_failure(now) if self.state == "closed" else self

    def on_probe_given_back(self, started_at: datetime, now: datetime) -> "ChannelBreaker":
        """The probe that began at `started_at` will not be made: the next may go at once, unless one is out already."""
        if self.probe_started_at != started_at:
            return self
        return self.model_copy(update={"state": "open", "open_until": now, "probe_started_at": None})

    def _opened(self, now: datetime, cool_down: float, failures: int) -> "ChannelBreaker":
        return ChannelBreaker(
            state="open",
            consecutive_failures=failures,
            opened_at=self.opened_at or now,
            open_until=now + timedelta(seconds=cool_down),
            cool_down_seconds=cool_down,
            recovered_at=self.recovered_at,
        )
