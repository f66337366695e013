"""Contacts, what was said to and by them, and who must not be written to."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.tables.columns import TENANT, belongs, document, moment, text


class Contact(SQLModel, table=True):
    """A person of a tenant, known by phone (E.164)."""

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "phone"),
        Index("contacts_listing", "tenant_id", "created_at", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    phone: str
    name: str | None = None
    created_at: datetime = moment(nullable=False)
    opt_changed_at: datetime | None = moment()


class Message(SQLModel, table=True):
    """One message in or out, as the platform knows it."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "channel_id", "direction", "provider_message_id", name="messages_provider_key"),
        UniqueConstraint("tenant_id", "delivery_id", name="messages_delivery_key"),
        Index("messages_contact", "tenant_id", "contact_id", "occurred_at"),
        belongs("channel_id", "channels"),
        belongs("contact_id", "contacts"),
        belongs("delivery_id", "deliveries"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    channel_id: UUID
    contact_id: UUID
    direction: str
    delivery_id: UUID | None = None
    provider_message_id: str | None = None
    body: str = text(nullable=False)
    media: dict[str, Any] | None = document(nullable=True)
    status: str
    occurred_at: datetime = moment(nullable=False)
    created_at: datetime = moment(nullable=False)


class Interaction(SQLModel, table=True):
    """A contact's message held against a campaign: `counted` when it opens Message 2, else `reason` says why not."""

    __tablename__ = "interactions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "id"),
        UniqueConstraint("tenant_id", "message_id", name="interactions_message_key"),
        Index("interactions_enrollment", "tenant_id", "campaign_id", "contact_id"),
        belongs("campaign_id", "campaigns"),
        belongs("contact_id", "contacts"),
        belongs("message_id", "messages"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    campaign_id: UUID
    contact_id: UUID
    message_id: UUID
    counted: bool
    reason: str | None = None
    received_at: datetime = moment(nullable=False)


class Suppression(SQLModel, table=True):
    """A phone that must not be written to on any campaign; kept by phone so that it survives a re-import."""

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("tenant_id", "phone"),
        UniqueConstraint("tenant_id", "id"),
        Index("suppressions_listing", "tenant_id", "created_at", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tenant_id: UUID = Field(foreign_key=TENANT)
    phone: str
    source: str
    note: str | None = None
    created_at: datetime = moment(nullable=False)
