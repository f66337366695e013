"""What a tenant has set for itself and its requests go by."""

from sqlmodel import col, select

from api.dependencies import Caller
from api.problems import Unprocessable
from db.tables import Tenant
from domain.phones import InvalidPhone, normalise_phone


async def default_region(caller: Caller) -> str | None:
    """The country of numbers without a country code: the tenant's own, else the installation's, else none."""
    async with caller.transaction() as session:
        own = await session.exec(select(Tenant.default_region).where(col(Tenant.id) == caller.tenant_id))
        return own.one() or caller.services.default_region


async def phone_of(caller: Caller, written: str, *, field: str = "phone") -> str:
    """The E.164 form of a number in a request; raises a 422 problem naming `field`."""
    try:
        return normalise_phone(written, await default_region(caller))
    except InvalidPhone as error:
        raise Unprocessable.of(field, error.reason) from error
