"""The first tenant and its owner's key."""

from sqlmodel import select

from db.api_keys import key_row, make_key
from db.engine import Database
from db.tables import Tenant

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
