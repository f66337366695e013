"""`Idempotency-Key`: one effect and the same answer, whatever happens in between."""

import asyncio
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func
from sqlmodel import col, select, update

from db import answers
from db.engine import Database
from db.secrets import SecretBox
from db.tables import Campaign, Delivery, IdempotentAnswer
from db.tables.columns import utc_now
from tests.api.campaign_rows import change_row, fields
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, client, make_key_with, phone

KEY = {"Idempotency-Key": "order-66"}


def body_of(company: Company, **change: Any) -> dict[str, Any]:
    """A new campaign."""
    return {"name": "Autumn", "channel_id": str(company.channel_id), "message_1": "a", "message_2": "b"} | change


async def make(company: Company, **change: Any) -> httpx.Response:
    """Makes a campaign under the key."""
    return await company.http.post("/api/campaigns", json=body_of(company, **change), headers=KEY)


async def campaigns(company: Company) -> int:
    """How many campaigns there are."""
    async with company.database.tenant(company.tenant_id) as session:
        return (await session.exec(select(func.count()).select_from(Campaign))).one()


async def set_claim(company: Company, **columns: Any) -> None:
    """Writes columns of the key's row."""
    async with company.database.tenant(company.tenant_id) as session:
        await session.exec(update(IdempotentAnswer).values(**columns))


async def test_a_repeat_has_one_effect_and_the_same_answer(company: Company) -> None:
    first, again = await make(company), await make(company)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in first.headers
    assert await campaigns(company) == 1


async def test_without_a_key_every_request_counts(company: Company) -> None:
    for _ in range(2):
        assert (await company.http.post("/api/campaigns", json=body_of(company))).status_code == 201
    assert await campaigns(company) == 2


async def test_fifty_at_once_have_one_effect(company: Company) -> None:
    replies = await asyncio.gather(*(make(company) for _ in range(50)))
    assert {reply.status_code for reply in replies} <= {201, 409}
    assert len({reply.json()["id"] for reply in replies if reply.status_code == 201}) == 1
    assert await campaigns(company) == 1


async def test_another_body_under_the_same_key_is_refused(company: Company) -> None:
    await make(company)
    other = await make(company, name="Winter")
    assert other.status_code == 422
    assert fields(other) == ["Idempotency-Key"]
    elsewhere = await company.http.post("/api/suppressions", json=body_of(company), headers=KEY)
    assert elsewhere.status_code == 422
    assert await campaigns(company) == 1


async def test_another_tenant_may_use_the_same_key(company: Company, rival: Company) -> None:
    first, other = await make(company), await make(rival)
    assert (first.status_code, other.status_code) == (201, 201)
    assert first.json()["id"] != other.json()["id"]


async def test_a_request_in_flight_is_a_conflict(company: Company) -> None:
    await make(company)
    await set_claim(company, status=None, body=None)
    answer = await make(company)
    assert answer.status_code == 409
    assert answer.headers["retry-after"]


async def test_after_a_crash_the_key_is_free_again_and_the_effect_is_still_one(company: Company) -> None:
    first = await make(company)
    # As after a kill between the effect and the noting of its answer.
    await set_claim(company, status=None, body=None, created_at=utc_now() - answers.LEASE * 1.5)
    again = await make(company)
    assert (again.status_code, again.json()) == (201, first.json())
    assert await campaigns(company) == 1


async def test_a_day_later_the_key_may_mean_something_else(company: Company) -> None:
    first = await make(company)
    await set_claim(company, created_at=utc_now() - answers.KEPT * 1.1)
    other = await make(company, name="Winter")
    assert (other.status_code, other.json()["name"]) == (201, "Winter")
    assert other.json()["id"] != first.json()["id"]


async def test_the_same_request_a_day_later_is_done_again(company: Company, workflows: RecordingWorkflows) -> None:
    """As a nightly job asks, with a key that never changes."""
    campaign_id = (await company.campaign())["id"]
    for night in (1, 2):
        await change_row(company, campaign_id, status="running")
        answer = await company.http.post(f"/api/campaigns/{campaign_id}/pause", headers=KEY)
        assert (answer.status_code, "idempotent-replayed" in answer.headers) == (202, False)
        assert len(workflows.asked("command")) == night
        await set_claim(company, created_at=utc_now() - answers.KEPT * 1.1)


async def test_a_request_that_died_a_day_ago_is_forgotten_too(company: Company, workflows: RecordingWorkflows) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status="running")
    address = f"/api/campaigns/{campaign_id}/pause"
    assert (await company.http.post(address, headers=KEY)).status_code == 202
    await change_row(company, campaign_id, status="paused")
    await set_claim(company, status=None, body=None, created_at=utc_now() - answers.KEPT * 1.1)
    assert (await company.http.post(address, headers=KEY)).status_code == 409


async def test_what_an_older_version_claimed_and_made_is_found_by_its_id(company: Company) -> None:
    made = UUID((await make(company)).json()["id"])
    async with company.database.tenant(company.tenant_id) as session:
        claim = (await session.exec(select(IdempotentAnswer))).one()
        older = uuid5(company.tenant_id, f"{claim.key} {claim.request_hash}")
        await session.exec(update(Campaign).where(col(Campaign.id) == made).values(id=older))
    await set_claim(company, nonce=None, status=None, body=None, created_at=utc_now() - answers.LEASE * 1.5)
    again = await make(company)
    assert (again.status_code, again.json()["id"]) == (201, str(older))
    assert await campaigns(company) == 1


async def test_an_answer_is_given_again_to_no_key_that_may_do_less(
    company: Company, app: FastAPI, database: Database
) -> None:
    body = {"name": "CRM", "scopes": ["owner"]}
    first = await company.http.post("/api/api-keys", json=body, headers=KEY)
    assert first.status_code == 201
    for scopes in (["read"], ["read", "write", "send", "admin"]):
        async with client(app, await make_key_with(database, company.tenant_id, *scopes)) as lesser:
            refused = await lesser.post("/api/api-keys", json=body, headers=KEY)
        assert refused.status_code == 403
        assert first.json()["key"] not in refused.text
        assert "owner" in refused.json()["detail"]
    async with client(app, await make_key_with(database, company.tenant_id, "owner")) as other_owner:
        assert (await other_owner.post("/api/api-keys", json=body, headers=KEY)).json() == first.json()


async def test_a_key_that_was_changed_for_a_new_one_between_try_and_repeat_gets_the_answer(
    company: Company, app: FastAPI, database: Database
) -> None:
    told = []
    for scopes in (["read", "write"], ["write", "read"], ["admin", "read", "write"]):
        async with client(app, await make_key_with(database, company.tenant_id, *scopes)) as http:
            told.append((await http.post("/api/campaigns", json=body_of(company), headers=KEY)).json())
    assert told == told[:1] * 3
    assert await campaigns(company) == 1


async def test_an_answer_that_an_older_version_kept_goes_to_an_owner_alone(
    company: Company, app: FastAPI, database: Database, secrets: SecretBox
) -> None:
    first = await make(company)
    await set_claim(company, body={"sealed": secrets.seal(first.text).decode()})
    async with client(app, await make_key_with(database, company.tenant_id, "read", "write")) as http:
        assert (await http.post("/api/campaigns", json=body_of(company), headers=KEY)).status_code == 403
    assert (await make(company)).json() == first.json()


async def test_a_request_that_failed_may_be_repeated(company: Company, workflows: RecordingWorkflows) -> None:
    campaign = await company.campaign()
    address = f"/api/campaigns/{campaign['id']}/start"
    assert (await company.http.post(address, headers=KEY)).status_code == 422
    await company.contacts(campaign["id"], {"phone": phone(1)})
    workflows.away = True
    assert (await company.http.post(address, headers=KEY)).status_code == 503
    workflows.away = False
    started = await company.http.post(address, headers=KEY)
    repeated = await company.http.post(address, headers=KEY)
    assert (started.status_code, repeated.status_code) == (202, 202)
    assert len(workflows.asked("start_campaign")) == 1


async def test_an_upload_is_known_by_its_parts_and_not_by_its_boundary(company: Company) -> None:
    campaign_id = (await company.campaign())["id"]
    address = f"/api/campaigns/{campaign_id}/contacts"

    async def upload(content: bytes, **form: str) -> httpx.Response:
        return await company.http.post(address, files={"file": ("c.csv", content)}, data=form, headers=KEY)

    content = f"phone\n{phone(1)}\n12\n".encode()
    first, again = await upload(content), await upload(content)
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert first.json() == again.json()
    assert first.json()["added"] == 1
    assert (await upload(content + b"\n")).status_code == 422
    assert (await upload(content, default_region="FR")).status_code == 422
    await set_claim(company, status=None, body=None, created_at=utc_now() - answers.LEASE * 1.5)
    assert (await upload(content)).json() == first.json()


async def test_a_test_send_after_a_crash_is_the_same_delivery(company: Company, workflows: RecordingWorkflows) -> None:
    campaign = await company.campaign()
    address = f"/api/campaigns/{campaign['id']}/test-send"
    first = await company.http.post(address, json={"phone": phone(1)}, headers=KEY)
    await set_claim(company, status=None, body=None, created_at=utc_now() - answers.LEASE * 1.5)
    again = await company.http.post(address, json={"phone": phone(1)}, headers=KEY)
    assert first.json()["delivery_id"] == again.json()["delivery_id"]
    async with company.database.tenant(company.tenant_id) as session:
        [delivery] = list(await session.exec(select(Delivery)))
    assert delivery.id == UUID(first.json()["delivery_id"])


async def test_stored_answers_are_sealed(company: Company) -> None:
    await make(company, name="A secret name")
    async with company.database.tenant(company.tenant_id) as session:
        [row] = list(await session.exec(select(IdempotentAnswer).where(col(IdempotentAnswer.status).is_not(None))))
    assert "A secret name" not in str(row.body)


@pytest.mark.parametrize("key", ["", "with space", "x" * 201, "tab\t"])
async def test_a_key_that_is_none_is_refused(company: Company, key: str) -> None:
    answer = await company.http.post("/api/campaigns", json=body_of(company), headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert await campaigns(company) == 0


async def test_a_long_request_keeps_its_claim(
    company: Company, database: Database, secrets: SecretBox, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "LEASE", answers.LEASE / 200)  # 0.3 s
    working, finish = asyncio.Event(), asyncio.Event()

    class Slow(RecordingWorkflows):
        async def start_campaign(self, *arguments: Any) -> None:
            working.set()
            await finish.wait()

    object.__setattr__(app.state.services, "workflows", Slow())
    campaign = await company.campaign()
    await company.contacts(campaign["id"], {"phone": phone(1)})
    address = f"/api/campaigns/{campaign['id']}/start"
    first = asyncio.create_task(company.http.post(address, headers=KEY))
    await working.wait()
    await asyncio.sleep(4 * answers.LEASE.total_seconds())
    assert (await company.http.post(address, headers=KEY)).status_code == 409
    finish.set()
    assert (await first).status_code == 202
