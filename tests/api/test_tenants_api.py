"""Tenants and scopes, over every operation that the OpenAPI document lists."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.routers import ROUTERS
from api.routing import WriteOnceRoute
from db.engine import Database
from db.secrets import SecretBox
from db.tables import Contact, Delivery, Suppression
from domain.people import Scope
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, client, make_key_with, phone
from tests.api.rows import keep

NOWHERE = Database.connect("postgresql+asyncpg://nobody@127.0.0.1:1/none")
DOCUMENT: dict[str, Any] = create_app(
    NOWHERE, RecordingWorkflows(), SecretBox([Fernet.generate_key().decode()]), public_url=BASE_URL
).openapi()

Operation = tuple[str, str, dict[str, Any]]


def operations() -> Iterator[Operation]:
    """Method, path and description of each operation that needs a key."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if operation.get("security"):
                yield method, path, operation


OPERATIONS = list(operations())
NAMED = [operation for operation in OPERATIONS if "{" in operation[1]]


def name(operation: Operation) -> str:
    """`get /api/campaigns`."""
    return f"{operation[0]} {operation[1]}"


async def call(http: httpx.AsyncClient, operation: Operation, ids: dict[str, str]) -> httpx.Response:
    """Calls an operation with the body that its document gives as an example."""
    method, path, described = operation
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    return await http.request(method, path.format(**ids), json=_example(content) if content else None)


def _example(content: dict[str, Any]) -> Any:
    if "examples" in content:
        return next(iter(content["examples"].values()))["value"]
    schema = content["schema"]
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "examples" in schema:
        return schema["examples"][0]
    return {field: described["examples"][0] for field, described in schema["properties"].items()}


async def things_of(company: Company) -> dict[str, str]:
    """One thing of every kind, by the name of its path parameter."""
    campaign = await company.campaign()
    upload = await company.contacts(campaign["id"], {"phone": phone(1)}, {"phone": "12"})
    contact = Contact(tenant_id=company.tenant_id, phone=phone(2))
    delivery = Delivery(
        tenant_id=company.tenant_id,
        channel_id=company.channel_id,
        contact_id=contact.id,
        kind="test",
        idempotency_key=str(uuid4()),
        status="unknown",
    )
    suppression = Suppression(tenant_id=company.tenant_id, phone=phone(3), source="test")
    await keep(company, contact, delivery, suppression)
    key = await company.http.post("/api/api-keys", json={"name": "other", "scopes": ["read"]})
    assert key.status_code == 201, key.text
    return {
        "campaign_id": campaign["id"],
        "import_id": upload["import_id"],
        "channel_id": str(company.channel_id),
        "contact_id": str(contact.id),
        "delivery_id": str(delivery.id),
        "suppression_id": str(suppression.id),
        "key_id": key.json()["id"],
    }


@pytest.mark.parametrize("operation", NAMED, ids=name)
async def test_another_tenants_things_are_not_found(company: Company, rival: Company, operation: Operation) -> None:
    answer = await call(rival.http, operation, await things_of(company))
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("operation", NAMED, ids=name)
async def test_their_owner_finds_them(company: Company, operation: Operation) -> None:
    ids = await things_of(company)
    if operation[1].endswith("/events"):  # a stream ends with its campaign, and the client here waits for its end
        await company.http.post(f"/api/campaigns/{ids['campaign_id']}/cancel")
    answer = await call(company.http, operation, ids)
    assert answer.status_code != 404, answer.text


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
async def test_without_a_key_nothing_is_told(stranger: httpx.AsyncClient, operation: Operation) -> None:
    ids = dict.fromkeys(("campaign_id", "import_id", "channel_id", "contact_id", "delivery_id"), str(uuid4()))
    answer = await call(stranger, operation, ids | {"suppression_id": str(uuid4()), "key_id": str(uuid4())})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
async def test_an_operation_needs_exactly_one_scope(company: Company, app: FastAPI, operation: Operation) -> None:
    allowed = []
    for scope in Scope:
        key = await make_key_with(company.database, company.tenant_id, scope)
        async with client(app, key) as http:
            ids = dict.fromkeys(_names(operation[1]), str(uuid4()))
            if not _lacks_scope(await call(http, operation, ids)):
                allowed.append(scope)
    assert set(allowed) == {declared_scope(operation), Scope.OWNER}
    assert (Scope.READ in allowed) == (operation[0] == "get" and Scope.ADMIN not in allowed)


def declared_scope(operation: Operation) -> Scope:
    """The one scope that the document asks of a key."""
    [requirement] = operation[2]["security"]
    [scope] = requirement["ApiKey"]
    return Scope(scope)


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
async def test_a_revoked_key_opens_nothing(company: Company, app: FastAPI, operation: Operation) -> None:
    made = (await company.http.post("/api/api-keys", json={"name": "leaver", "scopes": ["owner"]})).json()
    assert (await company.http.delete(f"/api/api-keys/{made['id']}")).status_code == 200
    async with client(app, made["key"]) as http:
        answer = await call(http, operation, await things_of(company))
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_only_these_operations_need_no_key() -> None:
    open_to_all = {f"{method} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert open_to_all - {name(operation) for operation in OPERATIONS} == {
        "post /webhooks/{platform}/{channel_id}",  # the channel's secret is its key
        "get /healthz",
        "get /readyz",
        "get /metrics",
    }


def _lacks_scope(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["detail"].startswith("This key lacks the scope")


def _names(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def test_every_write_honours_its_idempotency_key() -> None:
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path.startswith("/api/"):
                assert isinstance(route, WriteOnceRoute), route.path
