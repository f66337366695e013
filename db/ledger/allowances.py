"""What a send uses up: a credit of the tenant, and its place in the channel's quota of the day."""

from datetime import date

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Delivery

# Whoever takes a credit holds the channel already: giving back locks in the same order, so that the two never cross.
_LOCK_CHANNEL = text("SELECT FROM channels WHERE tenant_id = :tenant_id AND id = :channel_id FOR NO KEY UPDATE")
_TAKE = text("UPDATE tenants SET credits = credits - 1 WHERE id = :tenant_id AND credits > 0 RETURNING credits")
_GIVE_BACK = text("UPDATE tenants SET credits = credits + 1 WHERE id = :tenant_id AND credits IS NOT NULL")
_COUNT = text("""
    INSERT INTO channel_usage (tenant_id, channel_id, action, day, used)
    VALUES (:tenant_id, :channel_id, 'message', :day, 1)
    ON CONFLICT (tenant_id, channel_id, action, day) DO UPDATE SET used = channel_usage.used + 1
""")


async def take_credit(session: AsyncSession, delivery: Delivery) -> bool:
    """Takes the credit that the send costs; a repeat has paid already. False when none is left."""
    if not delivery.credit_spent:
        spent = await session.execute(_TAKE, {"tenant_id": delivery.tenant_id})
        delivery.credit_spent = spent.first() is not None
    return delivery.credit_spent


async def give_back_credit(session: AsyncSession, delivery: Delivery) -> None:
    """Gives back the credit of a delivery that will never go out."""
    if not delivery.credit_spent:
        return
    delivery.credit_spent = False
    await session.execute(_LOCK_CHANNEL, delivery.model_dump(include={"tenant_id", "channel_id"}))
    await session.execute(_GIVE_BACK, {"tenant_id": delivery.tenant_id})


async def count_use(session: AsyncSession, delivery: Delivery, day: date) -> None:
    """Takes the delivery's place in the quota of a day: one a day, however often it is tried on it."""
    if delivery.used_on == day:
        return
    delivery.used_on = day
    await session.execute(_COUNT, {**delivery.model_dump(include={"tenant_id", "channel_id"}), "day": day})
