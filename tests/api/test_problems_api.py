"""Every error is a problem document with a sentence that says what to do."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import body_limit, create_app
from api.dependencies import Services
from api.limits import MEGABYTE
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, client, make_key_with, phone

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/none"


def told(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem, checked for its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    return problem


async def test_without_a_key(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/api/campaigns")
    told(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer rl_wrong", "Bearer ", "Basic abc", "rl_wrong", "Bearer \xe9"])
async def test_with_a_wrong_key(stranger: httpx.AsyncClient, header: str) -> None:
    answer = await stranger.get("/api/campaigns", headers={b"Authorization": header.encode("latin-1")})
    told(answer, 401)


async def test_with_a_key_that_lacks_the_scope(company: Company, app: FastAPI) -> None:
    key = await make_key_with(company.database, company.tenant_id, "read")
    async with client(app, key) as http:
        assert (await http.get("/api/campaigns")).status_code == 200
        answer = await http.post("/api/campaigns", json={})
    assert "write" in told(answer, 403)["detail"]


async def test_an_address_where_nothing_is(company: Company) -> None:
    for address in ("/api", "/api/nothing", "/api/campaigns/", "/webhooks/nothing"):
        told(await company.http.get(address), 404)


async def test_a_method_that_an_address_does_not_have(company: Company) -> None:
    campaign = await company.campaign()
    answer = await company.http.delete(f"/api/campaigns/{campaign['id']}")
    told(answer, 405)
    assert answer.headers["allow"] == "GET, PATCH"
    contacts = await company.http.put(f"/api/campaigns/{campaign['id']}/contacts")
    assert contacts.headers["allow"] == "GET, POST"
    for address in ("/healthz", "/readyz", "/metrics"):
        told(await company.http.request("TRACE", address), 405)


async def test_an_id_that_is_none(company: Company) -> None:
    problem = told(await company.http.get("/api/campaigns/autumn"), 422)
    assert [error["field"] for error in problem["errors"]] == ["campaign_id"]
    told(await company.http.get("/api/campaigns/%00"), 422)


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"[]", b'"text"', b"\xff\xfe", b'{"name": "\\ud800"}', b'{"\\ud800": 1}', b"[" * 100_000, b"9" * 5000],
)
async def test_a_body_that_is_no_campaign(company: Company, body: bytes) -> None:
    answer = await company.http.post("/api/campaigns", content=body, headers={"Content-Type": "application/json"})
    told(answer, 422)


async def test_values_are_not_repeated_in_errors(company: Company) -> None:
    answer = await company.http.post("/api/campaigns", json={"name": 5, "channel_id": "a-secret", "message_1": "x"})
    told(answer, 422)
    assert "a-secret" not in answer.text


async def test_a_body_that_is_too_large(company: Company) -> None:
    answer = await company.http.post("/api/campaigns", json={"name": "x" * MEGABYTE})
    told(answer, 413)


async def test_a_body_that_grows_too_large_without_saying_so(company: Company) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    answer = await company.http.post("/api/campaigns", content=body(), headers={"Content-Type": "application/json"})
    told(answer, 413)


async def test_contacts_as_json_may_be_larger(company: Company) -> None:
    campaign = await company.campaign()
    contacts = [{"phone": phone(number), "note": "x" * 1000} for number in range(3000)]
    answer = await company.http.post(f"/api/campaigns/{campaign['id']}/contacts", json={"contacts": contacts})
    assert (answer.status_code, answer.json()["added"]) == (200, 3000)
    huge = await company.http.post(
        f"/api/campaigns/{campaign['id']}/contacts",
        content=b" " * 10_000_001,
        headers={"Content-Type": "application/json"},
    )
    told(huge, 413)


def test_only_uploads_may_be_huge() -> None:
    upload = "/api/campaigns/7e57ab1e-0000-4000-8000-000000000001/contacts"
    assert body_limit(upload, "multipart/form-data; boundary=x") == 1000 * MEGABYTE
    assert body_limit(upload, "application/json") == 10 * MEGABYTE
    assert body_limit("/api/campaigns", "multipart/form-data") == MEGABYTE
    assert body_limit("/webhooks/wassenger/x", "application/json") == MEGABYTE


async def test_a_missing_key_is_told_before_a_large_body_is_read(stranger: httpx.AsyncClient) -> None:
    address = "/api/campaigns/7e57ab1e-0000-4000-8000-000000000001/contacts"
    answer = await stranger.post(address, files={"file": ("c.csv", b"x" * (2 * MEGABYTE))})
    told(answer, 401)


async def test_with_the_database_away(secrets: SecretBox) -> None:
    database = Database.connect(NOWHERE)
    app = create_app(database, RecordingWorkflows(), secrets, public_url=BASE_URL)
    async with client(app, "rl_some_key") as http:
        answer = await http.get("/api/campaigns")
    told(answer, 503)
    assert answer.headers["retry-after"]
    await database.close()


async def test_a_bug_is_a_500_that_tells_nothing(company: Company, app: FastAPI) -> None:
    class Broken(RecordingWorkflows):
        async def start_campaign(self, *arguments: Any) -> None:
            raise KeyError("a secret inside")

    services: Services = app.state.services
    object.__setattr__(services, "workflows", Broken())
    campaign = await company.campaign()
    await company.contacts(campaign["id"], {"phone": phone(1)})
    answer = await company.http.post(f"/api/campaigns/{campaign['id']}/start")
    told(answer, 500)
    route = {"method": "POST", "route": "/api/campaigns/{campaign_id}/start"}
    counted = services.meter.registry.get_sample_value("relance_http_requests_total", route | {"status": "500"})
    assert counted == 1, "the alert on answers with 500 looks for it"
    assert "secret" not in answer.text
    shown = await company.http.get(f"/api/campaigns/{campaign['id']}")
    assert shown.json()["status"] == "draft"
