"""API keys over the API: shown once, scoped, listed by prefix, revoked for good."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError
from sqlmodel import select, update

from api.dependencies import Caller
from api.routes.api_keys import NewApiKey, create
from db.answers import KEPT
from db.api_keys import Principal, hash_key
from db.engine import Database
from db.tables import ApiKey, IdempotentAnswer
from db.tables.columns import utc_now
from domain.people import Scope
from tests.api.people import Company, client, make_key_with


async def make(company: Company, *scopes: str, name: str = "CRM") -> dict[str, Any]:
    answer = await company.http.post("/api/api-keys", json={"name": name, "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(company: Company) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await company.http.get("/api/api-keys")).json()["items"]
    return items


async def test_a_key_is_shown_once_and_kept_as_a_hash(company: Company) -> None:
    made = await make(company, "read", "write", "read")
    assert made["scopes"] == ["read", "write"]
    assert made["key"].startswith(made["prefix"])
    answer = await company.http.get("/api/api-keys")
    assert made["key"] not in answer.text
    assert [item["name"] for item in answer.json()["items"]] == ["CRM", "test"]
    async with company.database.tenant(company.tenant_id) as session:
        rows = (await session.exec(select(ApiKey))).all()
    assert hash_key(made["key"]) in [row.key_hash for row in rows]


async def test_a_key_does_what_its_scopes_say_and_its_use_is_noted(company: Company, app: FastAPI) -> None:
    made = await make(company, "read")
    async with client(app, made["key"]) as http:
        assert (await http.get("/api/channels")).status_code == 200
        assert (await http.post("/api/suppressions", json={"phone": "+33612345678"})).status_code == 403
        assert (await http.get("/api/api-keys")).status_code == 403
    assert (await listed(company))[0]["last_used_at"] is not None


async def test_a_revoked_key_opens_nothing_any_more(company: Company, app: FastAPI) -> None:
    made = await make(company, "read")
    for _ in range(2):
        answer = await company.http.delete(f"/api/api-keys/{made['id']}")
        assert answer.status_code == 200
        assert answer.json()["revoked_at"] is not None
    async with client(app, made["key"]) as http:
        assert (await http.get("/api/channels")).status_code == 401


async def test_the_last_owners_key_cannot_be_revoked(company: Company, app: FastAPI) -> None:
    [own] = await listed(company)
    refused = await company.http.delete(f"/api/api-keys/{own['id']}")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    second = await make(company, "owner")
    assert (await company.http.delete(f"/api/api-keys/{own['id']}")).status_code == 200
    async with client(app, second["key"]) as http:
        assert (await http.delete(f"/api/api-keys/{second['id']}")).status_code == 409
        assert (await http.get("/api/channels")).status_code == 200


async def test_two_owners_who_revoke_each_other_at_once_leave_one(company: Company, app: FastAPI) -> None:
    [own] = await listed(company)
    second = await make(company, "owner")
    async with client(app, second["key"]) as http:
        answers = await asyncio.gather(
            company.http.delete(f"/api/api-keys/{second['id']}"), http.delete(f"/api/api-keys/{own['id']}")
        )
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 409])
    async with company.database.tenant(company.tenant_id) as session:
        rows = (await session.exec(select(ApiKey))).all()
    assert sum(row.revoked_at is None for row in rows) == 1


async def test_nobody_gives_or_takes_more_than_their_own_key_may_do(
    company: Company, app: FastAPI, database: Database
) -> None:
    [own] = await listed(company)
    await make(company, "owner", name="spare")
    async with client(app, await make_key_with(database, company.tenant_id, "admin", "read")) as http:
        for scopes in (["owner"], ["admin", "send"]):
            body = {"name": "climber", "scopes": scopes}
            assert (await http.post("/api/api-keys", json=body)).status_code == 403
        assert (await http.post("/api/api-keys", json={"name": "peer", "scopes": ["admin"]})).status_code == 201
        assert (await http.delete(f"/api/api-keys/{own['id']}")).status_code == 403


async def test_a_repeat_under_one_idempotency_key_shows_the_same_key(company: Company) -> None:
    body, headers = {"name": "CRM", "scopes": ["read"]}, {"Idempotency-Key": "key-1"}
    first, again = [await company.http.post("/api/api-keys", json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert len(await listed(company)) == 2


async def test_a_script_that_makes_a_key_each_week_takes_none_away(company: Company, app: FastAPI) -> None:
    body, headers = {"name": "CRM", "scopes": ["read"]}, {"Idempotency-Key": "weekly"}
    first = (await company.http.post("/api/api-keys", json=body, headers=headers)).json()
    async with company.database.tenant(company.tenant_id) as session:
        await session.exec(update(IdempotentAnswer).values(created_at=utc_now() - KEPT * 7))
    second = (await company.http.post("/api/api-keys", json=body, headers=headers)).json()
    assert first["id"] != second["id"]
    for made in (first, second):
        async with client(app, made["key"]) as http:
            assert (await http.get("/api/campaigns")).status_code == 200


async def test_a_key_gives_way_to_another_only_after_a_crash(company: Company, app: FastAPI) -> None:
    owner = Principal(company.tenant_id, company.channel_id, frozenset({"owner"}))
    caller = Caller(owner, app.state.services, idempotency_key="the same")
    body = NewApiKey(name="CRM", scopes=[Scope.READ])
    first = await create(body, caller)
    with pytest.raises(IntegrityError):
        await create(body, caller)
    async with client(app, first.key) as http:
        assert (await http.get("/api/campaigns")).status_code == 200
        second = await create(body, replace(caller, after_a_crash=True))
        assert second.id == first.id
        assert (await http.get("/api/campaigns")).status_code == 401


async def test_wrong_bodies_are_refused(company: Company) -> None:
    for body in ({"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}, {"scopes": ["read"]},
                 {"name": "a\0", "scopes": ["read"]}, {"name": "x", "scopes": ["read"], "key": "mine"}):  # fmt: skip
        assert (await company.http.post("/api/api-keys", json=body)).status_code == 422
    assert len(await listed(company)) == 1


async def test_another_tenants_key_does_not_exist(company: Company, rival: Company, app: FastAPI) -> None:
    made = await make(rival, "read")
    assert (await company.http.delete(f"/api/api-keys/{UUID(made['id'])}")).status_code == 404
    async with client(app, made["key"]) as http:
        assert (await http.get("/api/channels")).status_code == 200
