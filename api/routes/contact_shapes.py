"""What is told of contacts and of all that happened to them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from db.reading.contacts import ContactView
from db.reading.timeline import Entry, EntryKind
from db.tables import Enrollment
from domain.gate import REASON_TEXT, Reason
from domain.ids import enrollment_workflow_id


class ContactOut(BaseModel):
    """A person. `suppressed`: may not be written to."""

    id: UUID
    phone: str
    name: str | None
    suppressed: bool
    created_at: datetime


class EnrollmentOut(BaseModel):
    """The contact in one campaign. `status` is Message 1's; `workflow_id` is where Temporal tells the story."""

    campaign_id: UUID
    campaign_name: str
    workflow_id: str
    status: str
    held: bool
    reason: str | None
    message_1_at: datetime | None
    reply_deadline: datetime | None
    replied_at: datetime | None
    message_2_status: str | None
    message_2_at: datetime | None
    outcome: str | None


class ContactDetail(ContactOut):
    """A person with the campaigns that person is in, latest first."""

    enrollments: list[EnrollmentOut]


class EntryOut(BaseModel):
    """One thing that happened. What `kind` is about stands in the fields that are not null."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "at": "2026-11-20T09:00:00Z",
                    "kind": "action",
                    "campaign_id": "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11",
                    "workflow_id": "campaign/6f1d2c1e-…/contact/0b0e2f6c-…",
                    "delivery_id": "2a6056fb-3ba4-421b-beb5-c86f418f5654",
                    "action": "message_1",
                    "status": "held",
                    "reason": "send_window",
                    "reason_text": "Outside the send window.",
                    "limit": "send window",
                }
            ]
        }
    )

    at: datetime
    kind: EntryKind
    campaign_id: UUID | None = None
    workflow_id: str | None = None
    channel_id: UUID | None = None
    delivery_id: UUID | None = None
    message_id: UUID | None = None
    action: str | None = Field(default=None, description="What was to be sent, for an `action`.")
    status: str | None = None
    reason: str | None = None
    reason_text: str | None = Field(default=None, description="`reason` in words.")
    limit: str | None = Field(default=None, description="The limit that bound the action.")
    scheduled_at: datetime | None = None
    body: str | None = None
    media: dict[str, Any] | None = None
    counted: bool | None = Field(default=None, description="Whether an `interaction` opened Message 2.")
    outcome: str | None = None
    source: str | None = None
    note: str | None = None


def contact_out(view: ContactView) -> ContactOut:
    """The contact as it is shown."""
    return ContactOut(**view.contact.model_dump(exclude={"tenant_id", "opt_changed_at"}), suppressed=view.suppressed)


def enrollment_out(enrollment: Enrollment, campaign_name: str) -> EnrollmentOut:
    """The enrollment as it is shown beside its contact."""
    return EnrollmentOut.model_validate(
        {
            **enrollment.model_dump(include=set(EnrollmentOut.model_fields)),
            "campaign_name": campaign_name,
            "workflow_id": enrollment_workflow_id(enrollment.campaign_id, enrollment.contact_id),
        }
    )


def entry_out(entry: Entry, contact_id: UUID) -> EntryOut:
    """The line as it is shown, its reason in words and the workflow that it belongs to."""
    campaign_id = entry.detail.get("campaign_id")
    workflow_id = enrollment_workflow_id(UUID(campaign_id), contact_id) if campaign_id else None
    shown = {
        **entry.detail,
        "at": entry.at,
        "kind": entry.kind,
        "workflow_id": workflow_id,
        "reason_text": reason_text(entry.detail.get("reason")),
    }
    return EntryOut.model_validate(shown)


def reason_text(reason: str | None) -> str | None:
    """A stored reason in words: the gate's are codes, all others are sentences already."""
    if reason is None:
        return None
    return REASON_TEXT[Reason(reason)] if reason in set(Reason) else reason
