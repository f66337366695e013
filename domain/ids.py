"""Ids and keys: the one place where a workflow id or an idempotency key is spelled."""

from uuid import UUID

SEND_TASK_QUEUE = "relance-send"
"""Everything that calls a platform to write."""

TASK_QUEUE = "relance"
"""Workflows and ordinary activities."""

RELEASE_BATCH = 200
"""Workflows that one database round trip of a release or a stop covers."""


def campaign_workflow_id(campaign_id: UUID) -> str:
    """The id of the workflow that runs a campaign."""
    return f"campaign/{campaign_id}"


def enrollment_workflow_id(campaign_id: UUID, contact_id: UUID) -> str:
    """The id of the workflow that takes one contact through one campaign."""
    return f"{campaign_workflow_id(campaign_id)}/contact/{contact_id}"


def single_delivery_workflow_id(delivery_id: UUID) -> str:
    """The id of the workflow that sends one message outside any campaign."""
    return f"delivery/{delivery_id}"


def channel_release_workflow_id(channel_id: UUID) -> str:
    """The id of the workflow that lets a channel's held deliveries go on."""
    return f"channel/{channel_id}/release"


def channel_check_workflow_id(check_id: UUID) -> str:
    """The id of the workflow that asks a platform for an account, once."""
    return f"check/{check_id}"


def inbound_sweep_id() -> str:
    """The id of the schedule that takes up inbound events left unprocessed."""
    return "sweep/inbound"


def message_1_key(campaign_id: UUID, contact_id: UUID, generation: int = 0) -> str:
    """The idempotency key of Message 1; each "retry failed" is a generation, so a new intended act."""
    key = f"{enrollment_workflow_id(campaign_id, contact_id)}/message-1"
    return f"{key}/retry-{generation}" if generation else key


def message_2_key(campaign_id: UUID, contact_id: UUID) -> str:
    """The idempotency key of Message 2: one for ever, since it goes out at most once whatever became of it."""
    return f"{enrollment_workflow_id(campaign_id, contact_id)}/message-2"


def test_send_key(delivery_id: UUID) -> str:
    """The idempotency key of a test send to oneself."""
    return f"test/{delivery_id}"
