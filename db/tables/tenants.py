"""Tenants, the keys that speak for them, and the answers already given to their writes."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, document, moment


class Tenant(SQLModel, table=True):
    """A company. `credits` None means that sends are not counted."""

    __tablename__ = "tenants"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    time_zone: str = "Europe/Paris"
    default_region: str | None = None
    credits: int | None = None
    created_at: datetime = moment(nullable=False)


class ApiKey(SQLModel, table=True):
    """A key to the API: only its SHA-256 is kept, with the prefix that a person recognises it by."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("tenant_id", "id"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT, index=True)
    name: str
    prefix: str
    key_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = moment(nullable=False)
    last_used_at: datetime | None = moment()
    revoked_at: datetime | None = moment()


class IdempotentAnswer(SQLModel, table=True):
    """The answer to a write that came with an `Idempotency-Key`; `status` None while it is being worked on.

    `nonce` is drawn when the key is claimed anew: what the request makes has its id by it. None: by an older version.
    """

    __tablename__ = "idempotent_answers"

    tenant_id: UUID = Field(foreign_key=TENANT, primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    nonce: UUID | None = None
    status: int | None = None
    body: dict[str, Any] | None = document(nullable=True)
    created_at: datetime = moment(nullable=False)
