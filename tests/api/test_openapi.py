"""The OpenAPI document: current, with examples, and honest about errors."""

from typing import Any

import httpx
import pytest

from tests.api.test_tenants_api import DOCUMENT

EVERY = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


def operation(path: str, method: str) -> dict[str, Any]:
    """One operation's description."""
    described: dict[str, Any] = DOCUMENT["paths"][path][method]
    return described


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, looked up if it is a reference."""
    if "$ref" in schema:
        found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def test_it_is_openapi_3_1_and_holds_the_contract() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    for path, method in [
        ("/api/channels", "post"),
        ("/api/campaigns", "post"),
        ("/api/campaigns/{campaign_id}", "get"),
        ("/api/campaigns/{campaign_id}/contacts", "post"),
        ("/api/campaigns/{campaign_id}/contacts", "get"),
        ("/api/campaigns/{campaign_id}/events", "get"),
        *((f"/api/campaigns/{{campaign_id}}/{verb}", "post") for verb in ("start", "pause", "resume", "cancel")),
        ("/api/campaigns/{campaign_id}/retry-failed", "post"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ]:
        assert (path, method) in EVERY


@pytest.mark.parametrize(("path", "method"), EVERY)
def test_an_operation_says_what_it_is_for(path: str, method: str) -> None:
    assert operation(path, method)["description"].strip().endswith((".", ").", "`."))


@pytest.mark.parametrize(("path", "method"), [(p, m) for p, m in EVERY if "requestBody" in DOCUMENT["paths"][p][m]])
def test_a_request_body_has_an_example(path: str, method: str) -> None:
    for content in operation(path, method)["requestBody"]["content"].values():
        schema = resolved(content["schema"])
        parts = schema.get("properties", {"": {}}).values()
        shown = {"example", "examples"} & (content.keys() | schema.keys())
        assert shown or all("examples" in part for part in parts)


@pytest.mark.parametrize(("path", "method"), EVERY)
def test_errors_are_problem_documents(path: str, method: str) -> None:
    described = operation(path, method)
    errors = {status: answer for status, answer in described["responses"].items() if int(status) >= 400}
    for status, answer in errors.items():
        assert list(answer["content"]) == ["application/problem+json"], status
    expected = {"500", "503"}
    if described.get("security"):
        expected |= {"401", "403"}
    if "{" in path:
        expected |= {"404"}
    if "requestBody" in described:
        expected |= {"409", "413", "422"}
    assert expected <= errors.keys()


async def test_it_is_served(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT
