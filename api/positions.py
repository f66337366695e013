"""The positions that cursors of time-ordered listings stand for."""

from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from api.shapes import Moment

BY_AGE: TypeAdapter[tuple[datetime, UUID]] = TypeAdapter(tuple[Moment, UUID])
"""(created_at, id) of the last item shown; a forged cursor must still hold a time that PostgreSQL can compare."""
