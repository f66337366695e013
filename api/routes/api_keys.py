"""API keys: made and shown once, listed by their prefix, revoked for good."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Administrator, Caller
from api.pagination import Page, PageQuery, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.positions import BY_AGE
from api.problems import Conflict, Forbidden, NotFound
from api.routing import api_router
from api.shapes import Name, Shape
from db.api_keys import key_row, make_key
from db.reading.api_keys import find_api_key, list_api_keys, other_owner_keys
from db.tables import ApiKey
from db.tables.columns import utc_now
from domain.people import Scope

router = api_router("api-keys", "api keys")


class NewApiKey(Shape):
    """A key to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "CRM", "scopes": ["read", "write"]}]})

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), description="`owner` includes all the others.")


class ApiKeyOut(BaseModel):
    """A key as it is known by: what it may do and when it was last used, but not the key."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyMade(ApiKeyOut):
    """A new key. `key` is shown this once: only a hash of it is kept."""

    key: str


@router.post("", status_code=201)
async def create(body: NewApiKey, caller: Administrator) -> ApiKeyMade:
    """Make a key. Nobody can give a key more than their own may do; `key` is shown this once."""
    _refuse_more_than_own(caller, {scope.value for scope in body.scopes})
    key = make_key()
    row = key_row(caller.tenant_id, body.name, key, sorted({scope.value for scope in body.scopes}))
    row.id = caller.new_id()
    async with caller.transaction() as session:
        unseen = await find_api_key(session, row.id) if caller.after_a_crash else None
        if unseen is not None:  # the first run's key was shown to nobody
            await session.delete(unseen)
            await session.flush()
        session.add(row)
    return ApiKeyMade(**_shown(row), key=key)


@router.get("", dependencies=[ONCE_EACH])
async def list_page(query: Annotated[PageQuery, Query()], caller: Administrator) -> Page[ApiKeyOut]:
    """List the keys, newest first."""
    after = decode_cursor(query.cursor, BY_AGE)
    async with caller.transaction() as session:
        rows = await list_api_keys(session, after=after, limit=query.limit + 1)
    shown, cursor = page_of(rows, query.limit, lambda row: (row.created_at, row.id))
    return Page(items=[ApiKeyOut(**_shown(row)) for row in shown], next_cursor=cursor)


@router.delete("/{key_id}")
async def revoke(key_id: UUID, caller: Administrator) -> ApiKeyOut:
    """Revoke a key for good. The last owner's key cannot be revoked (409). Repeating it changes nothing."""
    async with caller.transaction() as session:
        row = await find_api_key(session, key_id)
        if row is None:
            raise NotFound("API key")
        _refuse_more_than_own(caller, set(row.scopes))
        if Scope.OWNER in row.scopes and not await other_owner_keys(session, caller.tenant_id, key_id):
            raise Conflict("This is the last owner's key; make another one before you revoke it.")
        row.revoked_at = row.revoked_at or utc_now()
        session.add(row)
    return ApiKeyOut(**_shown(row))


def _refuse_more_than_own(caller: Caller, scopes: set[str]) -> None:
    missing = scopes - caller.principal.scopes
    if missing and Scope.OWNER not in caller.principal.scopes:
        raise Forbidden(
            f"Your key lacks the scope {', '.join(sorted(missing))}, so it has no say over a key that has it."
        )


def _shown(row: ApiKey) -> dict[str, object]:
    return row.model_dump(exclude={"tenant_id", "key_hash"})
