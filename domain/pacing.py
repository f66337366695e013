"""How fast a campaign sends: its pacing, how the delay adapts to errors, and when each message of a batch starts."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

DAY_SECONDS = 24 * 3600.0

ERROR_RATE_LIMIT = 0.05
"""Above this share of errors the delay grows (SPEC CAM-8)."""

ADAPT_FACTOR = 1.5

MINIMUM_SAMPLE = 10
"""Fewer results than this say nothing: one error in five is chance, not a platform in trouble."""

FLOOR_STEP_SECONDS = 0.5
"""The smallest delay that growth leads to. Zero times 1.5 is zero, so a campaign without delay could not slow down."""


class Pacing(BaseModel):
    """Delay D between messages, batch size B, pause P between batches, and the bounds of the adaptive delay. Seconds.

    Bounds that are not given (or null) are derived: `min_delay_seconds` = `delay_seconds`, `max_delay_seconds` =
    the larger of 60 and ten times the delay, at most a day.
    """

    model_config = ConfigDict(frozen=True)

    delay_seconds: float = Field(default=1.0, ge=0, le=DAY_SECONDS, allow_inf_nan=False)
    batch_size: int = Field(default=50, ge=1, le=1000)
    batch_pause_seconds: float = Field(default=0.0, ge=0, le=DAY_SECONDS, allow_inf_nan=False)
    min_delay_seconds: float = Field(default=None, ge=0, le=DAY_SECONDS, allow_inf_nan=False, validate_default=True)
    max_delay_seconds: float = Field(default=None, ge=0, le=DAY_SECONDS, allow_inf_nan=False, validate_default=True)

    @field_validator("min_delay_seconds", mode="before")
    @classmethod
    def _derive_min(cls, value: Any, info: ValidationInfo) -> Any:
        # An invalid delay has its own error: the fallback keeps this field from adding a second one.
        return info.data.get("delay_seconds", 0.0) if value is None else value

    @field_validator("max_delay_seconds", mode="before")
    @classmethod
    def _derive_max(cls, value: Any, info: ValidationInfo) -> Any:
        return min(DAY_SECONDS, max(60.0, info.data.get("delay_seconds", 0.0) * 10)) if value is None else value

    @field_validator("min_delay_seconds")
    @classmethod
    def _min_not_above_delay(cls, value: float, info: ValidationInfo) -> float:
        delay = info.data.get("delay_seconds", value)
        if value > delay:
            raise ValueError(f"min_delay_seconds ({value:g}) must not be above delay_seconds ({delay:g})")
        return value

    @field_validator("max_delay_seconds")
    @classmethod
    def _max_not_below_delay(cls, value: float, info: ValidationInfo) -> float:
        delay = info.data.get("delay_seconds", value)
        if value < delay:
            raise ValueError(f"max_delay_seconds ({value:g}) must not be below delay_seconds ({delay:g})")
        return value

    def changed(self, **fields: float | None) -> Self:
        """This pacing with some fields replaced (None = leave as it is), validated again.

        The bounds fence the machine, not the operator: a new delay outside bounds that the change does not name
        widens them. Raises pydantic's ValidationError naming the field.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        merged = {**self.model_dump(), **given}
        if "min_delay_seconds" not in given:
            merged["min_delay_seconds"] = min(merged["min_delay_seconds"], merged["delay_seconds"])
        if "max_delay_seconds" not in given:
            merged["max_delay_seconds"] = max(merged["max_delay_seconds"], merged["delay_seconds"])
        return type(self).model_validate(merged)


QUEUE_HEADROOM = 1.5
"""How much faster than a channel's rate its sends are handed out. The ledger holds the exact rate by slots; were they
handed out no faster than that, every one that came a little late would leave its slot empty for good."""


def launch_spacing(delay_seconds: float, rate_per_second: float) -> float:
    """Seconds between the starts of a batch: the delay, or a little less than the channel's interval if its rate binds.

    A campaign without delay is not handed to the channel all at once either: another one that begins meanwhile would
    have to wait behind the whole batch.
    """
    return delay_seconds if delay_seconds * rate_per_second > 1.001 else 1 / (rate_per_second * QUEUE_HEADROOM)


def adapt_delay(current: float, configured: Pacing, error_rate: float, sample_size: int) -> float:
    """The delay (seconds) to use next, after a sample of `sample_size` results of which `error_rate` (0–1) were errors.

    More than 5 % errors → ×1.5; otherwise ÷1.5 back towards the configured delay. Too small a sample changes nothing.
    The answer never lies below the configured delay nor outside [min, max]; steps that would land under
    FLOOR_STEP_SECONDS go straight to the configured delay, or a delay of zero would be approached but never reached.
    """
    if sample_size < MINIMUM_SAMPLE:
        wanted = current
    elif error_rate > ERROR_RATE_LIMIT:
        wanted = max(current * ADAPT_FACTOR, FLOOR_STEP_SECONDS)
    else:
        wanted = current / ADAPT_FACTOR
        if wanted < FLOOR_STEP_SECONDS:
            wanted = configured.delay_seconds
    lowest = max(configured.min_delay_seconds, configured.delay_seconds)
    return min(configured.max_delay_seconds, max(lowest, wanted))


def batch_offsets(count: int, delay: float) -> list[float]:
    """Start delays (seconds) that spread a batch: 0, D, 2·D … Raises ValueError for a negative count or delay."""
    if count < 0 or delay < 0:
        raise ValueError(f"a batch needs a count and a delay of at least 0, not {count} and {delay}")
    return [position * delay for position in range(count)]
