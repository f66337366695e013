"""Settling a delivery of unknown outcome: by an operator's word or by a platform's receipt."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.ledger import enrollments, record
from db.ledger.log import log
from db.tables import Delivery
from domain import ids
from domain.signals import Signal, SignalName
from domain.statuses import DeliveryKind, DeliveryStatus, MessageStatus


class NotUnknown(ValueError):
    """Only a delivery of unknown outcome can be resolved by hand."""

    def __init__(self, status: str) -> None:
        super().__init__(f"This delivery is {status}; only one whose outcome is unknown can be resolved by hand.")


def workflow_of(delivery: Delivery) -> str:
    """The id of the workflow that waits for a delivery."""
    if delivery.campaign_id is not None and delivery.kind != DeliveryKind.TEST:
        return ids.enrollment_workflow_id(delivery.campaign_id, delivery.contact_id)
    return ids.single_delivery_workflow_id(delivery.id)


def release(delivery: Delivery) -> list[Signal]:
    """The signal that makes the delivery's workflow ask the ledger again."""
    return [Signal(workflow_id=workflow_of(delivery), name=SignalName.RELEASE)]


async def _unknown_delivery(session: AsyncSession, tenant_id: UUID, delivery_id: UUID) -> Delivery:
    found = select(Delivery).where(col(Delivery.tenant_id) == tenant_id, col(Delivery.id) == delivery_id)
    delivery = (await session.exec(found.with_for_update())).one()
    if delivery.status != DeliveryStatus.UNKNOWN:
        raise NotUnknown(delivery.status)
    return delivery


async def mark_sent(session: AsyncSession, tenant_id: UUID, delivery_id: UUID, at: datetime) -> list[Signal]:
    """An operator says that it went out. Raises `NotUnknown`."""
    delivery = await _unknown_delivery(session, tenant_id, delivery_id)
    await record.sent(session, delivery, None, None, at)
    return release(delivery)


async def order_resend(session: AsyncSession, tenant_id: UUID, delivery_id: UUID, at: datetime) -> list[Signal]:
    """An operator says that it did not go out: it passes the gate once more. Raises `NotUnknown`.

    Where its enrollment has ended meanwhile, Message 1 becomes `failed`, so that "retry failed" takes it up.
    """
    delivery = await _unknown_delivery(session, tenant_id, delivery_id)
    if await enrollments.has_ended(session, delivery):
        await record.failed(session, delivery, "An operator found that it did not go out.", at, called=False)
        await enrollments.reopen_as_failed(session, delivery)
        return []
    delivery.status = DeliveryStatus.QUEUED
    delivery.updated_at = at
    await enrollments.set_message(session, delivery, MessageStatus.PENDING)
    log(session, delivery, DeliveryStatus.QUEUED, "An operator ordered it to be sent again.", at)
    return release(delivery)
