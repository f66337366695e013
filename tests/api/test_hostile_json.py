"""Hostile JSON, templates and phones at every operation with a body: refused clearly, and nothing half written."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.hostile import nothing_breaks, refused
from tests.api.people import Company, phone
from tests.api.test_tenants_api import OPERATIONS, Operation, _example, name, things_of
from tests.api.test_write_once_api import everything
from tests.corpora.reading import Item, corpus

BODIES, VALUES, TEMPLATES, PHONES = map(corpus, ("json_bodies", "json_values", "templates", "phones"))
PLACE = "@here@"


def _json(operation: Operation) -> dict[str, Any] | None:
    content: dict[str, Any] | None = operation[2].get("requestBody", {}).get("content", {}).get("application/json")
    return content


TAKES_JSON = [operation for operation in OPERATIONS if _json(operation)]


async def send(http: httpx.AsyncClient, operation: Operation, ids: dict[str, str], body: bytes) -> httpx.Response:
    """The operation with this body."""
    headers = {"content-type": "application/json"}
    return await http.request(operation[0], operation[1].format(**ids), content=body, headers=headers)


def fields_of(body: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in a body; of a list the first speaks for all."""
    entries: Any = body.items() if isinstance(body, dict) else enumerate(body[:1]) if isinstance(body, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from fields_of(value, (*path, key))


def with_value(body: Any, path: tuple[str | int, ...], value: str) -> bytes:
    """The body as text, with a JSON text in place of one of its values."""
    whole = json.loads(json.dumps(body))
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = PLACE
    return json.dumps(whole).replace(json.dumps(PLACE), value, 1).encode("utf-8", "surrogatepass")


def test_operations_with_bodies_are_found() -> None:
    assert len(TAKES_JSON) >= 10


@pytest.mark.parametrize("operation", TAKES_JSON, ids=name)
async def test_a_body_that_cannot_be_meant_is_refused_and_changes_nothing(
    company: Company, operation: Operation
) -> None:
    ids = await things_of(company)
    before = await everything(company)
    with nothing_breaks():
        for item in BODIES:
            assert refused(await send(company.http, operation, ids, item.content)), item.name
    assert await everything(company) == before


@pytest.mark.parametrize("operation", TAKES_JSON, ids=name)
async def test_a_hostile_value_in_any_field_is_refused_or_harmless(company: Company, operation: Operation) -> None:
    ids = await things_of(company)
    example = _example(_json(operation) or {})
    before = await everything(company)
    with nothing_breaks():
        for path in fields_of(example):
            for item in VALUES:
                answer = await send(company.http, operation, ids, with_value(example, path, item.text))
                if refused(answer):
                    continue
                json.dumps(answer.json()).encode()  # whatever was taken can be told again
        assert (await company.http.get("/api/campaigns")).status_code == 200
        assert (await company.http.get("/api/channels")).status_code == 200
    assert (await everything(company))["tenants"] == before["tenants"]


@pytest.mark.parametrize("item", TEMPLATES, ids=str)
@pytest.mark.parametrize("field", ["message_1", "message_2"])
async def test_a_template_that_reaches_out_is_refused(company: Company, item: Item, field: str) -> None:
    body = {"name": "A", "channel_id": str(company.channel_id), "message_1": "a", "message_2": "b", field: item.text}
    with nothing_breaks():
        answer = await company.http.post("/api/campaigns", json=body)
        assert refused(answer), item.name
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await company.http.get("/api/campaigns")).json()["items"] == []


async def test_what_a_contact_is_called_is_never_taken_for_a_template(company: Company) -> None:
    campaign = await company.campaign(message_1="Hi {{ first_name | default('there') }}")
    with nothing_breaks():
        for item in TEMPLATES:
            body = {"phone": phone(1), "variables": {"first_name": item.text}}
            answer = await company.http.post(f"/api/campaigns/{campaign['id']}/test-send", json=body)
            if refused(answer):
                assert len(item.text) > 1000 or "\0" in item.text, item.name
            else:
                assert answer.json()["text"] in (f"Hi {item.text.strip()}", f"Hi {item.text}", "Hi there")


@pytest.mark.parametrize("item", PHONES, ids=str)
async def test_a_phone_becomes_a_plain_number_or_a_bad_row(company: Company, item: Item) -> None:
    campaign_id = (await company.campaign())["id"]
    with nothing_breaks():
        answer = await company.http.post(
            f"/api/campaigns/{campaign_id}/contacts", json={"contacts": [{"phone": item.text}, {"phone": phone(9)}]}
        )
        assert not refused(answer)
        told = answer.json()
        assert told["added"] + told["duplicates"] + told["invalid"] == 2
        kept = (await company.http.get(f"/api/campaigns/{campaign_id}/contacts")).json()["items"]
        assert len(kept) == told["added"]
        assert all(re.fullmatch(r"\+[1-9][0-9]{6,14}", contact["phone"]) for contact in kept)
        suppressed = await company.http.post("/api/suppressions", json={"phone": item.text})
        assert refused(suppressed) == (told["invalid"] == 1)
