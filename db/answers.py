"""Answers already given to writes with an `Idempotency-Key`, and the claim on a key while one is worked on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import and_, case, delete, func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from db.tables import IdempotentAnswer

LEASE = timedelta(seconds=60)
"""A claim that was not renewed for so long belongs to a process that died."""

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What is known of a key that somebody else claimed; `status` None while that request is being worked on."""

    request_hash: str
    status: int | None
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Taken:
    """The key is this request's. `after_a_crash`: an earlier run of it may have had its effect, and told nobody.

    `nonce` is the same for all runs of one request, and another for an equal request once the first is forgotten.
    """

    nonce: UUID | None
    after_a_crash: bool = False


async def claim(session: AsyncSession, tenant_id: UUID, key: str, request_hash: str) -> Taken | StoredAnswer:
    """Takes the key for this request, or says what is known of it."""
    fresh = insert(IdempotentAnswer).values(
        tenant_id=tenant_id, key=key, request_hash=request_hash, nonce=uuid4(), created_at=func.now()
    )
    same = col(IdempotentAnswer.request_hash) == request_hash
    expired = col(IdempotentAnswer.created_at) < func.now() - KEPT
    # What died is taken up by its own repeat only: another request under its key might meet half of its effect.
    unanswered = and_(same, col(IdempotentAnswer.status).is_(None), ~expired)
    dead = and_(unanswered, col(IdempotentAnswer.created_at) < func.now() - LEASE)
    # A sub-select sees the row as it was before this statement.
    died = select(unanswered).where(col(IdempotentAnswer.key) == key)
    taken = await session.execute(
        fresh.on_conflict_do_update(
            index_elements=["tenant_id", "key"],
            set_={
                "request_hash": request_hash,
                "nonce": case((dead, col(IdempotentAnswer.nonce)), else_=fresh.excluded.nonce),
                "status": None,
                "body": None,
                "created_at": func.now(),
            },
            where=or_(dead, expired),
        ).returning(col(IdempotentAnswer.nonce), func.coalesce(died.correlate(None).scalar_subquery(), False))
    )
    if (ours := taken.first()) is not None:
        return Taken(nonce=ours[0], after_a_crash=bool(ours[1]))
    known = (await session.exec(select(IdempotentAnswer).where(col(IdempotentAnswer.key) == key))).one_or_none()
    # None: the request that held the key failed and let it go in this very moment; the caller may try again at once.
    return (
        StoredAnswer(known.request_hash, known.status, known.body) if known else StoredAnswer(request_hash, None, None)
    )


async def renew(session: AsyncSession, key: str) -> None:
    """Says that the request under this key is still being worked on."""
    open_claim = and_(col(IdempotentAnswer.key) == key, col(IdempotentAnswer.status).is_(None))
    await session.execute(update(IdempotentAnswer).where(open_claim).values(created_at=func.now()))


async def keep(session: AsyncSession, key: str, status: int, body: dict[str, Any]) -> None:
    """Notes the answer, so that every repeat gets it."""
    await session.execute(
        update(IdempotentAnswer).where(col(IdempotentAnswer.key) == key).values(status=status, body=body)
    )


async def leave_open(session: AsyncSession, key: str) -> None:
    """Leaves the claim of a request that may have had its effect, or may yet: as after a crash, with no wait."""
    open_claim = and_(col(IdempotentAnswer.key) == key, col(IdempotentAnswer.status).is_(None))
    await session.execute(update(IdempotentAnswer).where(open_claim).values(created_at=func.now() - LEASE))


async def let_go(session: AsyncSession, key: str) -> None:
    """Frees the key of a request that was refused, so that it can be tried again."""
    open_claim = and_(col(IdempotentAnswer.key) == key, col(IdempotentAnswer.status).is_(None))
    await session.execute(delete(IdempotentAnswer).where(open_claim))


async def forget_old(session: AsyncSession, limit: int) -> int:
    """Deletes answers whose time is over, some at once; returns how many."""
    old = select(IdempotentAnswer.key).where(col(IdempotentAnswer.created_at) < func.now() - KEPT).limit(limit)
    gone = await session.execute(
        delete(IdempotentAnswer)
        .where(col(IdempotentAnswer.key).in_(old), col(IdempotentAnswer.created_at) < func.now() - KEPT)
        .returning(col(IdempotentAnswer.key))
    )
    return len(gone.all())
