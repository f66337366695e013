"""Pages of a listing: an opaque cursor says where the next one begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from api.problems import Unprocessable
from api.shapes import Text

DEFAULT_LIMIT, MAX_LIMIT = 50, 200

Item = TypeVar("Item")
Position = TypeVar("Position")

RowNumber = Annotated[int, Field(ge=0, lt=2**63)]
"""A position that PostgreSQL's bigint can hold: cursors come back from outside and are believed in nothing."""


class PageQuery(BaseModel):
    """The query parameters of a listing; a listing with filters adds fields to it."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most.")
    cursor: Annotated[Text | None, Field(max_length=500, description="`next_cursor` of the page before.")] = None


class Page(BaseModel, Generic[Item]):
    """One page; `next_cursor` is null on the last."""

    items: list[Item]
    next_cursor: str | None = None


def encode_cursor(position: datetime | UUID | int | str | Sequence[Any]) -> str:
    """The cursor that stands for a position in a listing."""
    return base64.urlsafe_b64encode(TypeAdapter(Any).dump_json(position)).decode().rstrip("=")


def decode_cursor(cursor: str | None, shape: TypeAdapter[Position]) -> Position | None:
    """The position that a cursor stands for, None for the first page; raises a 422 problem for anything else."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return shape.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError, ValidationError) as error:
        raise Unprocessable.of("cursor", "This cursor is not one of ours; start again without it.") from error


def page_of(rows: Sequence[Item], limit: int, position: Callable[[Item], Any]) -> tuple[list[Item], str | None]:
    """Of up to `limit` + 1 rows: those of this page, and the cursor of the next if there is one."""
    if len(rows) <= limit:
        return list(rows), None
    shown = list(rows[:limit])
    return shown, encode_cursor(position(shown[-1]))
