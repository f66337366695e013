"""The states that campaigns, messages, deliveries and channels pass through."""

from enum import StrEnum


class CampaignStatus(StrEnum):
    """What a campaign is doing."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class MessageStatus(StrEnum):
    """What became of a campaign's Message 1 or Message 2 for one contact."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


OUT = frozenset({MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ})
"""States in which the platform has the message: only after these does a reply count."""

IN_FLIGHT = frozenset({MessageStatus.SENDING, MessageStatus.UNKNOWN})
"""States in which the platform may have the message."""


class Outcome(StrEnum):
    """How one contact's campaign ended."""

    ANSWERED = "answered"
    NO_REPLY = "no_reply"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    OPTED_OUT = "opted_out"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class DeliveryStatus(StrEnum):
    """What the ledger knows of one intended outbound act."""

    QUEUED = "queued"
    HELD = "held"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"


class DeliveryKind(StrEnum):
    """Why a message goes out."""

    MESSAGE_1 = "message_1"
    MESSAGE_2 = "message_2"
    TEST = "test"


class ChannelStatus(StrEnum):
    """Whether a channel may be used."""

    ACTIVE = "active"
    PAUSED = "paused"
    CREDENTIALS_EXPIRED = "credentials_expired"
    BLOCKED = "blocked"


class UnknownPolicy(StrEnum):
    """What is done with a delivery whose outcome cannot be asked of the platform."""

    OPERATOR = "operator"
    RESEND = "resend"
    MARK_SENT = "mark_sent"


BULK_PRIORITY = 5

SEND_PRIORITY: dict[DeliveryKind, int] = {
    DeliveryKind.MESSAGE_2: 1,
    DeliveryKind.TEST: 2,
    DeliveryKind.MESSAGE_1: BULK_PRIORITY,
}
"""Task priorities of the send queue, lowest leaves first (3 is kept for first contacts, follow-ups and posts)."""
