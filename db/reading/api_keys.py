"""What is shown of API keys, and which of them keep the tenant's door open."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.bootstrap import OWNER_SCOPES
from db.tables import ApiKey, Tenant


async def list_api_keys(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> list[ApiKey]:
    """Keys, newest first, revoked ones too."""
    key = tuple_(col(ApiKey.created_at), col(ApiKey.id))
    query = select(ApiKey).order_by(key.desc()).limit(limit)
    if after is not None:
        query = query.where(key < after)
    return list(await session.exec(query))


async def find_api_key(session: AsyncSession, key_id: UUID) -> ApiKey | None:
    """One key, or None when the tenant has none with this id."""
    return (await session.exec(select(ApiKey).where(col(ApiKey.id) == key_id))).one_or_none()


async def other_owner_keys(session: AsyncSession, tenant_id: UUID, key_id: UUID) -> int:
    """How many owner's keys in force there are besides this one; they stay as they are until the transaction ends."""
    # The tenant's row is what two revocations at once queue for: each alone would find the other's key still there.
    await session.exec(select(Tenant.id).where(col(Tenant.id) == tenant_id).with_for_update())
    query = select(ApiKey.id).where(
        col(ApiKey.id) != key_id, col(ApiKey.scopes).contains(OWNER_SCOPES), col(ApiKey.revoked_at).is_(None)
    )
    return len((await session.exec(query)).all())
