"""The first tenant, its owner's key, and the link by which its owner signs in for the first time."""

from sqlmodel import col, select

from db.api_keys import key_row, make_key
from db.engine import Database
from db.people import make_link
from db.tables import Tenant, User
from db.tables.columns import utc_now
from domain.people import Role

OWNER_SCOPES = ["owner"]
"""The scope that includes every other."""


async def make_first_tenant(database: Database, *, given_key: str | None, default_region: str | None) -> str | None:
    """Makes the first tenant with an owner's key and returns the key; None when a tenant is already there."""
    async with database.every_tenant() as session:
        if (await session.exec(select(Tenant.id).limit(1))).first() is not None:
            return None
    tenant = Tenant(name="First tenant", default_region=default_region)
    key = given_key or make_key()
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        session.add(key_row(tenant.id, "owner", key, OWNER_SCOPES))
    return key


async def oldest_tenant(database: Database) -> Tenant | None:
    """The tenant that the installation began with."""
    async with database.every_tenant() as session:
        return (await session.exec(select(Tenant).order_by(col(Tenant.created_at)).limit(1))).first()


async def make_first_link(database: Database) -> str | None:
    """The token of the first owner's link: a new one as long as nobody of the oldest tenant has chosen a password."""
    tenant = await oldest_tenant(database)
    if tenant is None:
        return None
    async with database.tenant(tenant.id) as session:
        people = (await session.exec(select(User).order_by(col(User.created_at)))).all()
        if any(user.password_hash for user in people):
            return None
        owner = next((user for user in people if user.role == Role.OWNER), None)
        if owner is None:
            owner = User(tenant_id=tenant.id, name="Owner", role=Role.OWNER)
            session.add(owner)
            await session.flush()
        return await make_link(session, owner, utc_now())
