"""The installation as a whole: whether its sends are held, and which database it believes to be on."""

from datetime import datetime

from sqlalchemy import SmallInteger
from sqlmodel import Field, SQLModel

from db.tables.columns import moment


class Installation(SQLModel, table=True):
    """The one row that belongs to no tenant. The application reads it; only the owner of the schema changes it."""

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True, sa_type=SmallInteger)
    identity: str
    """Cluster, timeline and database that sends were last allowed on (SQL function `relance_identity`)."""
    sends_held: bool = False
    held_at: datetime | None = moment()
    held_by: str | None = None
    held_why: str | None = None
