"""The people of a tenant: making them, signing them in and out, and what a session's token stands for."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from db.engine import Database
from db.tables import SignInAttempts, SignInLink, Tenant, User, UserSession
from domain.people import Role
from domain.sign_in import IDLE, LINK_LASTS, LONGEST, is_over, wait_until

SEEN_NOTED_EVERY = timedelta(minutes=1)
"""`seen_at` is written no more often than this, so that looking at a page does not cost a write."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person, their tenant, and the session that a browser carries."""

    user: User
    tenant: Tenant
    session: UserSession


def new_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is kept of a token. It is random and long, so one SHA-256 is enough (no dictionary reaches it)."""
    return sha256(token.encode()).digest()


def normal_email(email: str) -> str:
    """The address as it is kept and compared."""
    return email.strip().lower()


async def find_user(database: Database, email: str) -> User | None:
    """The person with this address, of whichever tenant."""
    normal = normal_email(email)
    async with database.by_email(normal) as session:
        return (await session.exec(select(User).where(col(User.email) == normal))).one_or_none()


async def sign_in(database: Database, user: User, browser: str | None, now: datetime) -> str:
    """Begins a session and returns its token, which is always a new one. Sessions that are over are cleared away."""
    token = new_token()
    begun = UserSession(
        tenant_id=user.tenant_id,
        user_id=user.id,
        token_hash=hash_token(token),
        csrf_token=new_token(),
        browser=browser,
        created_at=now,
        seen_at=now,
    )
    async with database.tenant(user.tenant_id) as session:
        over = (col(UserSession.seen_at) <= now - IDLE) | (col(UserSession.created_at) <= now - LONGEST)
        await session.exec(delete(UserSession).where(col(UserSession.user_id) == user.id, over))
        await session.exec(update(User).where(col(User.id) == user.id).values(seen_at=now))
        session.add(begun)
    return token


async def find_session(database: Database, token: str, now: datetime, *, by_itself: bool = False) -> SignedIn | None:
    """Whom a browser's token stands for; None when it is unknown, over, or the person may not sign in any more.

    What a page asks `by_itself` is no use of the session: an open page would keep it for ever.
    """
    async with database.by_token(hash_token(token)) as session:
        query = select(UserSession).where(col(UserSession.token_hash) == hash_token(token))
        found = (await session.exec(query)).one_or_none()
        if found is None or is_over(found.created_at, found.seen_at, now):
            return None
        await database.bind(session, found.tenant_id)
        user = await session.get_one(User, found.user_id)
        tenant = await session.get_one(Tenant, found.tenant_id)
        if user.disabled_at is not None:
            return None
        if now - found.seen_at >= SEEN_NOTED_EVERY and not by_itself:
            await session.exec(update(UserSession).where(col(UserSession.id) == found.id).values(seen_at=now))
            await session.exec(update(User).where(col(User.id) == user.id).values(seen_at=now))
    return SignedIn(user, tenant, found)


async def sign_out(database: Database, signed_in: SignedIn) -> None:
    """Ends this session."""
    async with database.tenant(signed_in.tenant.id) as session:
        await session.exec(delete(UserSession).where(col(UserSession.id) == signed_in.session.id))


async def sign_out_everywhere(session: AsyncSession, user_id: UUID, *, but: UUID | None = None) -> None:
    """Ends every session of a person, or all `but` one."""
    query = delete(UserSession).where(col(UserSession.user_id) == user_id)
    await session.exec(query if but is None else query.where(col(UserSession.id) != but))


# --- links that let a person choose a password -------------------------------------------------------------------


async def make_link(session: AsyncSession, user: User, now: datetime) -> str:
    """A new link's token; earlier links of the same person end with it."""
    token = new_token()
    await session.exec(delete(SignInLink).where(col(SignInLink.user_id) == user.id))
    session.add(
        SignInLink(
            tenant_id=user.tenant_id,
            user_id=user.id,
            token_hash=hash_token(token),
            created_at=now,
            expires_at=now + LINK_LASTS,
        )
    )
    return token


async def find_link(database: Database, token: str, now: datetime) -> User | None:
    """Who may choose a password with this link; None when it is unknown, used or too old."""
    async with database.by_token(hash_token(token)) as session:
        link = await _link(session, token, now)
        if link is None:
            return None
        await database.bind(session, link.tenant_id)
        user = await session.get_one(User, link.user_id)
    return user if user.disabled_at is None else None


async def use_link(
    database: Database, token: str, password_hash: str, now: datetime, *, email: str, name: str
) -> User | None:
    """Sets the password and uses the link up; of two that come at once, one finds it. Every session of theirs ends."""
    async with database.by_token(hash_token(token)) as session:
        link = await _link(session, token, now)
        if link is None:
            return None
        await database.bind(session, link.tenant_id)
        used = await session.exec(delete(SignInLink).where(col(SignInLink.id) == link.id))
        user = await session.get_one(User, link.user_id)
        if used.rowcount == 0 or user.disabled_at is not None:
            return None
        user.password_hash, user.email, user.name = password_hash, email, name
        session.add(user)
        await sign_out_everywhere(session, user.id)
    return user


async def _link(session: AsyncSession, token: str, now: datetime) -> SignInLink | None:
    query = select(SignInLink).where(col(SignInLink.token_hash) == hash_token(token))
    link = (await session.exec(query)).one_or_none()
    return link if link is not None and link.expires_at > now else None


# --- attempts ----------------------------------------------------------------------------------------------------


def attempts_subject(email: str, place: str) -> bytes:
    """Under what failures are counted: an address as tried from one place, so that nobody can lock another one out."""
    return sha256(f"{normal_email(email)}\n{place}".encode()).digest()


async def count_attempt(database: Database, subject: bytes, now: datetime) -> datetime | None:
    """Counts an attempt as a failure until `forget_failures`; one that comes too early is not counted but told when the
    next is listened to."""
    first: dict[str, Any] = {"subject": subject, "failures": 0, "failed_at": now}
    failures, failed_at = col(SignInAttempts.failures), col(SignInAttempts.failed_at)
    # What is there stays as it is; the row is locked, so that of attempts at one moment each sees those before it.
    kept = (
        insert(SignInAttempts)
        .values(first)
        .on_conflict_do_update(index_elements=["subject"], set_={"failures": failures})
    )
    async with database.every_tenant() as session:
        before, last = (await session.execute(kept.returning(failures, failed_at))).one()
        until = wait_until(before, last)
        if until is not None and until > now:
            return until
        counted = {"failures": before + 1, "failed_at": max(last, now)}
        await session.exec(update(SignInAttempts).where(col(SignInAttempts.subject) == subject).values(counted))
    return None


async def take_attempt_back(database: Database, subject: bytes) -> None:
    """Uncounts an attempt whose password was not looked at."""
    failures = col(SignInAttempts.failures)
    counted = (col(SignInAttempts.subject) == subject) & (failures > 0)
    async with database.every_tenant() as session:
        await session.exec(update(SignInAttempts).where(counted).values(failures=failures - 1))


async def forget_failures(database: Database, subject: bytes, now: datetime) -> None:
    """Starts the count anew after a success; what is a day old goes with it."""
    old = col(SignInAttempts.failed_at) < now - timedelta(days=1)
    async with database.every_tenant() as session:
        await session.exec(delete(SignInAttempts).where((col(SignInAttempts.subject) == subject) | old))


# --- the owner ---------------------------------------------------------------------------------------------------


async def find_owner(session: AsyncSession) -> User | None:
    """The tenant's owner who has been there longest."""
    owners = select(User).where(col(User.role) == Role.OWNER, col(User.disabled_at).is_(None))
    return (await session.exec(owners.order_by(col(User.created_at)).limit(1))).first()
