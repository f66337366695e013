"""What is shown of people: the list, one of them, and whether an owner is left who can sign in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import Tenant, User
from domain.people import Role


async def list_people(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> list[User]:
    """People, newest first, disabled ones too."""
    key = tuple_(col(User.created_at), col(User.id))
    query = select(User).order_by(key.desc()).limit(limit)
    if after is not None:
        query = query.where(key < after)
    return list(await session.exec(query))


async def find_person(session: AsyncSession, user_id: UUID) -> User | None:
    """One person, or None when the tenant has none with this id."""
    return (await session.exec(select(User).where(col(User.id) == user_id))).one_or_none()


async def other_owners(session: AsyncSession, tenant_id: UUID, user_id: UUID) -> int:
    """How many owners besides this person can sign in; they stay as they are until the transaction ends."""
    # The tenant's row is what two changes at once queue for: each alone would find the other one still an owner.
    await session.exec(select(Tenant.id).where(col(Tenant.id) == tenant_id).with_for_update())
    query = select(User.id).where(
        col(User.id) != user_id,
        col(User.role) == Role.OWNER,
        col(User.disabled_at).is_(None),
        col(User.password_hash).is_not(None),
    )
    return len((await session.exec(query)).all())
