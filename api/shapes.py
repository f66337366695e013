"""What request bodies and parameters are made of: strict, bounded, and fit for the database."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from domain.text import is_storable

EARLIEST_YEAR, LATEST_YEAR = 2000, 2100
"""Times outside are slips of the pen; PostgreSQL and time zone arithmetic have edges further out."""


class Shape(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not hold a NUL character; remove it")
    if not is_storable(text):
        raise ValueError("must not hold half a character (a lone surrogate); remove it")
    return text


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("must be a time with offset, such as 2026-11-20T09:00:00+01:00")
    return value


def _with_offset(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must say its offset, such as 2026-11-20T09:00:00+01:00")
    if not EARLIEST_YEAR <= value.year < LATEST_YEAR:
        raise ValueError(f"must lie between the years {EARLIEST_YEAR} and {LATEST_YEAR}")
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""Any text that PostgreSQL can keep: no NUL, no lone surrogate."""

Name = Annotated[Text, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
"""What a person calls a thing: at least one visible character."""

Search = Annotated[Text, StringConstraints(max_length=200)]
"""Words to look for."""

Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    AfterValidator(_with_offset),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T09:00:00+01:00"]}),
]
"""A time with its offset (RFC 3339)."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A JSON number; text that looks like one is refused."""

Whole = Annotated[int, Field(strict=True)]
"""A JSON whole number."""

Flag = Annotated[bool, Field(strict=True)]
"""true or false."""
