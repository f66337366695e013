"""API keys: made once, kept as a hash, found by it."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select, update

from db.engine import Database
from db.tables import ApiKey
from db.tables.columns import utc_now

PREFIX = "rl_"
USE_NOTED_EVERY = timedelta(minutes=1)
"""`last_used_at` is written no more often than this, so that reading does not cost a write per request."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for."""

    tenant_id: UUID
    key_id: UUID
    scopes: frozenset[str]


def make_key() -> str:
    """A new key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> bytes:
    """What is kept of a key. The key is random and long, so one SHA-256 is enough (no dictionary reaches it)."""
    return hashlib.sha256(key.encode()).digest()


def key_row(tenant_id: UUID, name: str, key: str, scopes: list[str]) -> ApiKey:
    """The row for a key: its hash and the prefix that a person recognises it by."""
    return ApiKey(tenant_id=tenant_id, name=name, prefix=key[:10], key_hash=hash_key(key), scopes=scopes)


async def find_principal(database: Database, key: str) -> Principal | None:
    """Whom a key speaks for, or None when it is unknown or revoked."""
    async with database.by_api_key(hash_key(key)) as session:
        row = (await session.exec(select(ApiKey).where(col(ApiKey.key_hash) == hash_key(key)))).one_or_none()
    if row is None or row.revoked_at is not None:
        return None
    await _note_use(database, row, utc_now())
    return Principal(row.tenant_id, row.id, frozenset(row.scopes))


async def _note_use(database: Database, row: ApiKey, now: datetime) -> None:
    if row.last_used_at is not None and now - row.last_used_at < USE_NOTED_EVERY:
        return
    async with database.tenant(row.tenant_id) as session:
        await session.execute(update(ApiKey).where(col(ApiKey.id) == row.id).values(last_used_at=now))
