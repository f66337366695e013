"""`Idempotency-Key` on every write that the OpenAPI document lists: repeated or cut off by a crash, it is done once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlmodel import SQLModel, col, update

from api.openapi import WRITES
from db import answers, tables
from db.tables.columns import utc_now
from tests.api.doubles import RecordingWorkflows
from tests.api.people import Company, phone
from tests.api.rows import add_contact, add_delivery, keep
from tests.api.test_tenants_api import OPERATIONS, name

KEY = "order-66"


@dataclass(frozen=True)
class Write:
    """One request that has an effect."""

    path: str
    body: dict[str, Any] | None = None
    other_body: dict[str, Any] = field(default_factory=lambda: {"name": "other"})


Prepare = Callable[[Company], Awaitable[Write]]


async def _campaign(company: Company, status: str = "draft", **columns: Any) -> str:
    campaign_id: str = (await company.campaign())["id"]
    await company.contacts(campaign_id, {"phone": phone(1)})
    async with company.database.tenant(company.tenant_id) as session:
        changed = update(tables.Campaign).where(col(tables.Campaign.id) == campaign_id)
        await session.exec(changed.values(status=status, **columns))
    return campaign_id


def _command(verb: str, status: str) -> Prepare:
    async def prepare(company: Company) -> Write:
        started = {} if status == "draft" else {"started_at": utc_now()}
        return Write(f"/api/campaigns/{await _campaign(company, status, **started)}/{verb}")

    return prepare


async def _new_campaign(company: Company) -> Write:
    body = {"name": "A", "channel_id": str(company.channel_id), "message_1": "a", "message_2": "b"}
    return Write("/api/campaigns", body)


async def _change_campaign(company: Company) -> Write:
    return Write(f"/api/campaigns/{await _campaign(company)}", {"name": "B"})


async def _test_send(company: Company) -> Write:
    return Write(f"/api/campaigns/{await _campaign(company)}/test-send", {"phone": phone(2)})


async def _contacts(company: Company) -> Write:
    campaign_id = (await company.campaign())["id"]
    return Write(f"/api/campaigns/{campaign_id}/contacts", {"contacts": [{"phone": phone(1)}, {"phone": "12"}]})


async def _new_channel(company: Company) -> Write:
    credentials = {"token": "t", "device_id": "d"}
    body = {"platform": "wassenger", "name": "Second", "credentials": credentials, "webhook_secret": "s"}
    return Write("/api/channels", body)


async def _change_channel(company: Company) -> Write:
    return Write(f"/api/channels/{company.channel_id}", {"rate_per_second": 2})


def _channel(verb: str) -> Prepare:
    async def prepare(company: Company) -> Write:
        return Write(f"/api/channels/{company.channel_id}/{verb}")

    return prepare


async def _suppress(company: Company) -> Write:
    return Write("/api/suppressions", {"phone": phone(3)})


async def _unsuppress(company: Company) -> Write:
    row = tables.Suppression(tenant_id=company.tenant_id, phone=phone(4), source="test")
    await keep(company, row)
    return Write(f"/api/suppressions/{row.id}")


async def _suppress_many(company: Company) -> Write:
    return Write("/api/suppressions/import", {"contacts": [{"phone": phone(5)}, {"phone": "12"}]})


async def _resolve(company: Company) -> Write:
    delivery = await add_delivery(company, await add_contact(company), status="unknown", body="Hi")
    return Write(f"/api/deliveries/{delivery.id}/resolve", {"action": "mark_sent"}, {"action": "resend"})


async def _new_key(company: Company) -> Write:
    return Write("/api/api-keys", {"name": "CRM", "scopes": ["read"]})


async def _revoke_key(company: Company) -> Write:
    made = await company.http.post("/api/api-keys", json={"name": "CRM", "scopes": ["read"]})
    return Write(f"/api/api-keys/{made.json()['id']}")


PREPARED: dict[str, Prepare] = {
    "post /api/campaigns": _new_campaign,
    "patch /api/campaigns/{campaign_id}": _change_campaign,
    "post /api/campaigns/{campaign_id}/start": _command("start", "draft"),
    "post /api/campaigns/{campaign_id}/pause": _command("pause", "running"),
    "post /api/campaigns/{campaign_id}/resume": _command("resume", "paused"),
    "post /api/campaigns/{campaign_id}/cancel": _command("cancel", "draft"),
    "post /api/campaigns/{campaign_id}/retry-failed": _command("retry-failed", "running"),
    "post /api/campaigns/{campaign_id}/test-send": _test_send,
    "post /api/campaigns/{campaign_id}/contacts": _contacts,
    "post /api/channels": _new_channel,
    "patch /api/channels/{channel_id}": _change_channel,
    "post /api/channels/{channel_id}/pause": _channel("pause"),
    "post /api/channels/{channel_id}/resume": _channel("resume"),
    "post /api/suppressions": _suppress,
    "delete /api/suppressions/{suppression_id}": _unsuppress,
    "post /api/suppressions/import": _suppress_many,
    "post /api/deliveries/{delivery_id}/resolve": _resolve,
    "post /api/api-keys": _new_key,
    "delete /api/api-keys/{key_id}": _revoke_key,
}

EACH_WRITE = pytest.mark.parametrize("operation", PREPARED)


async def ask(company: Company, operation: str, write: Write, body: dict[str, Any] | None = None) -> httpx.Response:
    """The write under the key."""
    method = operation.partition(" ")[0]
    given = write.body if body is None else body
    return await company.http.request(method, write.path, json=given, headers={"Idempotency-Key": KEY})


async def everything(company: Company, *, but: frozenset[str] = frozenset()) -> dict[str, list[dict[str, Any]]]:
    """Every row of the tenant, without what answers and keys note of their own use, and without some columns."""
    kept: dict[str, list[dict[str, Any]]] = {}
    async with company.database.tenant(company.tenant_id) as session:
        for table in SQLModel.metadata.sorted_tables:
            if table.name == "idempotent_answers":
                continue
            rows = (await session.execute(table.select().order_by(*table.primary_key))).mappings()
            kept[table.name] = [
                {name: value for name, value in row.items() if name not in but | {"last_used_at"}} for row in rows
            ]
    return kept


async def lose_the_answer(company: Company) -> None:
    """As after a kill between the effect and the noting of its answer, a lease ago."""
    async with company.database.tenant(company.tenant_id) as session:
        lost = {"status": None, "body": None, "created_at": utc_now() - answers.LEASE * 1.5}
        await session.exec(update(tables.IdempotentAnswer).values(**lost))


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Status and body."""
    return answer.status_code, answer.json() if answer.content else None


def test_every_write_of_the_document_is_tried() -> None:
    assert set(PREPARED) == {name(operation) for operation in OPERATIONS if operation[0] in WRITES}


@EACH_WRITE
async def test_a_repeat_has_one_effect_and_the_same_answer(
    company: Company, workflows: RecordingWorkflows, operation: str
) -> None:
    write = await PREPARED[operation](company)
    untouched = await everything(company)
    first = await ask(company, operation, write)
    assert first.status_code < 300, first.text
    done, calls = await everything(company), list(workflows.calls)
    assert done != untouched or calls

    again = await ask(company, operation, write)

    assert told(again) == told(first)
    assert again.headers["idempotent-replayed"] == "true"
    assert (await everything(company), workflows.calls) == (done, calls)


@EACH_WRITE
async def test_many_at_once_have_one_effect(company: Company, workflows: RecordingWorkflows, operation: str) -> None:
    write = await PREPARED[operation](company)

    replies = await asyncio.gather(*(ask(company, operation, write) for _ in range(10)))

    assert {reply.status_code for reply in replies} <= {409, *(r.status_code for r in replies if r.is_success)}
    assert len({reply.text for reply in replies if reply.is_success}) == 1
    assert len(workflows.calls) <= 1


@EACH_WRITE
async def test_another_body_is_refused_also_when_the_first_died(company: Company, operation: str) -> None:
    write = await PREPARED[operation](company)
    assert (await ask(company, operation, write)).is_success
    done = await everything(company)

    refused = [await ask(company, operation, write, write.other_body)]
    await lose_the_answer(company)
    refused.append(await ask(company, operation, write, write.other_body))

    assert [answer.status_code for answer in refused] == [422, 422]
    assert await everything(company) == done


@EACH_WRITE
async def test_a_crash_before_the_answer_is_kept_leaves_one_effect_and_the_repeat_gets_its_answer(
    company: Company, workflows: RecordingWorkflows, operation: str
) -> None:
    workflows.affected = 3
    write = await PREPARED[operation](company)
    first = await ask(company, operation, write)
    done, calls = await everything(company, but=CHANGES_AGAIN), list(workflows.calls)
    await lose_the_answer(company)

    again = await ask(company, operation, write)

    assert _same(told(again), told(first), but=ANSWERED_ANEW.get(operation, frozenset()))
    assert await everything(company, but=CHANGES_AGAIN) == done
    assert [call for call in workflows.calls if call not in calls] == []
    assert told(await ask(company, operation, write)) == told(again)


CHANGES_AGAIN = frozenset({"updated_at", "key_hash", "prefix", "created_at", "credentials", "webhook_secret"})
"""Written with the same meaning again: when, how it is sealed, and a new key in place of one that nobody has seen."""

ANSWERED_ANEW: dict[str, frozenset[str]] = {
    "post /api/api-keys": frozenset({"key", "prefix", "created_at"}),  # the first key was shown to nobody and is gone
    # The list is taken in piece by piece, each in force at once: a second run tells what it found, nothing to add.
    "post /api/suppressions/import": frozenset({"added", "duplicates"}),
}


def _same(one: tuple[int, Any], other: tuple[int, Any], *, but: frozenset[str]) -> bool:
    def without(body: Any) -> Any:
        left_out = but | {"updated_at"}
        return {name: value for name, value in body.items() if name not in left_out} if body else body

    return one[0] == other[0] and without(one[1]) == without(other[1])
