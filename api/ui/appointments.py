"""Who may make what of whom: inviting people, changing their role, shutting them out, letting them in again.

The rules are domain/people's; here they meet the rows. Each function works in the caller's transaction and raises
Refused with a sentence for the page.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from api.problems import NotFound
from api.ui.languages import _
from db.people import make_link, sign_out_everywhere
from db.reading.people import find_person, other_owners
from db.tables import User
from domain.people import Role, may_appoint


class Refused(Exception):
    """It cannot be done; the message is a sentence of the catalogue."""


NOT_YOURS = _("Your role does not let you decide about this role. Ask an owner.")
LAST_OWNER = _("This is the last owner who can sign in. Make somebody else an owner first.")
TAKEN = _("Somebody signs in with this address already.")
SHUT_OUT = _("This person is disabled. Enable them first.")


async def invite(session: AsyncSession, by: User, email: str, name: str, role: Role, now: datetime) -> tuple[User, str]:
    """A new person, and the token of the link by which they choose a password."""
    _may(by, role)
    user = User(tenant_id=by.tenant_id, email=email, name=name, role=role, created_at=now)
    # Of two invitations at once, or of an address at another tenant, one finds the place taken.
    made = await session.execute(
        insert(User).values(**user.model_dump()).on_conflict_do_nothing().returning(col(User.id))
    )
    if made.scalar_one_or_none() is None:
        raise Refused(TAKEN)
    return user, await make_link(session, user, now)


async def change_role(session: AsyncSession, by: User, user_id: UUID, role: Role) -> User:
    """Another role, in force at the person's next click."""
    user = await _other(session, by, user_id)
    _may(by, role)
    if role != Role.OWNER:
        await _keep_an_owner(session, user)
    await session.exec(update(User).where(col(User.id) == user_id).values(role=role))
    return user


async def disable(session: AsyncSession, by: User, user_id: UUID, now: datetime) -> User:
    """Shuts a person out, from the next click on, wherever they are signed in."""
    user = await _other(session, by, user_id)
    await _keep_an_owner(session, user)
    await session.exec(update(User).where(col(User.id) == user_id).values(disabled_at=now))
    await sign_out_everywhere(session, user_id)
    return user


async def enable(session: AsyncSession, by: User, user_id: UUID) -> User:
    """Lets a person sign in again, with the password that they had."""
    user = await _other(session, by, user_id)
    await session.exec(update(User).where(col(User.id) == user_id).values(disabled_at=None))
    return user


async def renew_link(session: AsyncSession, by: User, user_id: UUID, now: datetime) -> tuple[User, str]:
    """A link by which a person who lost their password, or their first link, chooses another one."""
    user = await _other(session, by, user_id)
    if user.disabled_at is not None:
        raise Refused(SHUT_OUT)
    return user, await make_link(session, user, now)


async def _other(session: AsyncSession, by: User, user_id: UUID) -> User:
    user = await find_person(session, user_id)
    if user is None:
        raise NotFound("person")
    _may(by, Role(user.role))
    return user


def _may(by: User, role: Role) -> None:
    if not may_appoint(Role(by.role), role):
        raise Refused(NOT_YOURS)


async def _keep_an_owner(session: AsyncSession, user: User) -> None:
    if user.role == Role.OWNER and not await other_owners(session, user.tenant_id, user.id):
        raise Refused(LAST_OWNER)
