"""Column shapes that several tables share."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

TENANT = "tenants.id"

# Constraints have names that a migration can speak of; set here, before the first table is defined.
SQLModel.metadata.naming_convention = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


def utc_now() -> datetime:
    """The present moment with its zone."""
    return datetime.now(UTC)


def moment(*, nullable: bool = True, **keywords: Any) -> Any:
    """A `timestamptz` column; without a default when nullable, else the time of the insert."""
    if nullable:
        return Field(default=None, sa_type=DateTime(timezone=True), **keywords)
    return Field(default_factory=utc_now, sa_type=DateTime(timezone=True), nullable=False, **keywords)


def document(*, nullable: bool = False) -> Any:
    """A `jsonb` column; an empty object by default unless nullable."""
    if nullable:
        return Field(default=None, sa_column=Column(JSONB, nullable=True))
    return Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))


def documents() -> Any:
    """A `jsonb` column that holds a list, empty by default."""
    return Field(default_factory=list, sa_column=Column(JSONB, nullable=False, server_default="[]"))


def text(*, nullable: bool = True) -> Any:
    """A `text` column."""
    if nullable:
        return Field(default=None, sa_column=Column(Text, nullable=True))
    return Field(sa_column=Column(Text, nullable=False))


def belongs(column: str, table: str, *, key: str = "id", ondelete: str | None = None) -> ForeignKeyConstraint:
    """A foreign key that carries the tenant, so that a row can never point into another tenant's."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.{key}"], ondelete=ondelete)
