"""The append-only log: a line for each thing that happened to a delivery."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import ActionLogLine, Delivery


def log(session: AsyncSession, delivery: Delivery, status: str, reason: str | None, at: datetime) -> None:
    """Adds a line: what (the delivery's kind), for whom, status and reason, when planned and when done."""
    session.add(
        ActionLogLine(
            tenant_id=delivery.tenant_id,
            delivery_id=delivery.id,
            contact_id=delivery.contact_id,
            campaign_id=delivery.campaign_id,
            action=delivery.kind,
            status=status,
            reason=reason,
            scheduled_at=delivery.scheduled_at,
            executed_at=at,
        )
    )
