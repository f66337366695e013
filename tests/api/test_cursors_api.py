"""Cursors come back from outside: whatever they hold, they are a page or a refusal, never a fault."""

import base64
import json
from typing import Any

import pytest

from tests.api.people import Company
from tests.api.rows import add_contact

SOME_ID = "6f1d2c1e-8a4b-4c58-9c55-3b8f0f1f7a11"
TIMES = [
    "2026-11-20T09:00:00Z",
    "2026-11-20T09:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-11-20",
    "infinity",
    1e18,
    None,
]


def forged(*position: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


async def ask(company: Company, path: str, cursor: str) -> int:
    answer = await company.http.get(f"/api/{path}", params={"cursor": cursor})
    if answer.status_code == 422:
        body: dict[str, Any] = answer.json()
        assert [error["field"] for error in body["errors"]] == ["cursor"]
    return answer.status_code


@pytest.mark.parametrize("listing", ["channels", "contacts", "suppressions", "deliveries", "api-keys"])
async def test_a_forged_position_in_a_listing_is_a_page_or_a_refusal(company: Company, listing: str) -> None:
    assert [await ask(company, listing, forged(time, SOME_ID)) for time in TIMES] == [200, *[422] * 7]
    for cursor in (forged(TIMES[0], "no id"), forged(TIMES[0]), forged(), forged(TIMES[0], SOME_ID, 1), "%", "e30"):
        assert await ask(company, listing, cursor) == 422


async def test_a_forged_position_in_a_timeline_is_a_page_or_a_refusal(company: Company) -> None:
    path = f"contacts/{(await add_contact(company)).id}/timeline"
    assert [await ask(company, path, forged(time, "action", "1")) for time in TIMES] == [200, *[422] * 7]
    assert await ask(company, path, forged(TIMES[0], "action", "1\0")) == 422
    assert await ask(company, path, forged(TIMES[0], 1, "1")) == 422


@pytest.mark.parametrize("listing", ["channels", "contacts", "suppressions", "deliveries", "api-keys"])
async def test_a_parameter_that_comes_twice_is_refused(company: Company, listing: str) -> None:
    answer = await company.http.get(f"/api/{listing}?limit=1&limit=2")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "limit")
    assert (await company.http.get(f"/api/{listing}?limit=1")).status_code == 200
