"""What is told of a contact in a campaign."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from db.reading.enrollments import EnrollmentView
from domain.statuses import MessageStatus


class MessageOut(BaseModel):
    """What became of Message 1 or 2; `status` is null while there is no Message 2."""

    status: MessageStatus | None
    sent_at: datetime | None


class EnrollmentOut(BaseModel):
    """A contact in a campaign; `status` is Message 1's."""

    contact_id: UUID
    phone: str
    name: str | None
    status: MessageStatus
    held: bool = Field(description="Message 1 waits; `reason` says for what.")
    message_1: MessageOut
    replied_at: datetime | None
    message_2: MessageOut
    outcome: str | None = Field(description="How it ended for this contact; null while it goes on.")
    reason: str | None
    variables: dict[str, str]
    variant: str | None = Field(description="The name of the variant of Message 1 that it has, in an A/B test.")


def enrollment_out(view: EnrollmentView) -> EnrollmentOut:
    """The contact as a list shows it."""
    row = view.enrollment
    second = MessageStatus(row.message_2_status) if row.message_2_status else None
    return EnrollmentOut(
        contact_id=row.contact_id,
        phone=view.phone,
        name=view.name,
        status=MessageStatus(row.status),
        held=row.held,
        message_1=MessageOut(status=MessageStatus(row.status), sent_at=row.message_1_at),
        replied_at=row.replied_at,
        message_2=MessageOut(status=second, sent_at=row.message_2_at),
        outcome=row.outcome,
        reason=row.reason,
        variables=row.variables,
        variant=view.variant,
    )
