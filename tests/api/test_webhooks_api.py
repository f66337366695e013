"""Webhooks: verified on the raw body, stored once, acted on, and kept whatever is away (SPEC INB-1)."""

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from api.dependencies import Services
from api.webhooks import processing
from api.webhooks.doors import open_door
from db.engine import Database
from db.secrets import SecretBox
from db.tables import Contact, Interaction, Message
from domain.ids import enrollment_workflow_id
from domain.signals import Signal, SignalName
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company
from tests.api.rows import (
    add_contact,
    add_delivery,
    enroll,
    fresh_phone,
    keep,
    set_channel,
    stored_channel,
    stored_events,
)

HOOK_SECRET = "hook-secret"


@pytest.fixture(params=["unknown door", "known door"], autouse=True)
async def _door(request: pytest.FixtureRequest, company: Company, app: FastAPI) -> None:
    """Each holds for the first call to a channel, which takes the thorough way, and for those after it."""
    if request.param == "known door":
        services: Services = app.state.services
        services.doors.remember(open_door(await stored_channel(company, company.channel_id), services.secrets))


def text_event(phone: str, body: str = "yes please", **data: Any) -> dict[str, Any]:
    """A person writes, in the platform's own words."""
    digits = phone.removeprefix("+")
    message = {
        "id": f"3EB0{uuid4().hex[:12].upper()}",
        "type": "text",
        "flow": "inbound",
        "fromNumber": phone,
        "from": f"{digits}@c.us",
        "body": body,
        "chat": {"id": f"{digits}@c.us", "type": "chat"},
        **data,
    }
    return {"object": "message", "event": "message:in:new", "data": message}


async def post(
    http: httpx.AsyncClient, company: Company, event: object, *, secret: str | None = HOOK_SECRET, **keywords: Any
) -> httpx.Response:
    content = event if isinstance(event, bytes) else json.dumps(event).encode()
    params = {} if secret is None else {"secret": secret}
    return await http.post(f"/webhooks/wassenger/{company.channel_id}", content=content, params=params, **keywords)


async def texts_of(company: Company, phone: str) -> list[str]:
    async with company.database.tenant(company.tenant_id) as session:
        query = select(Message.body).join(Contact, col(Contact.id) == Message.contact_id)
        return list(await session.exec(query.where(col(Contact.phone) == phone)))


async def test_a_text_is_stored_recorded_and_processed(company: Company, stranger: httpx.AsyncClient) -> None:
    phone = fresh_phone()
    answer = await post(stranger, company, text_event(phone))
    assert (answer.status_code, answer.json()) == (200, {"status": "processed"})
    [event] = await stored_events(company)
    assert event.processed_at is not None
    assert event.event_name == "message:in:new"
    assert await texts_of(company, phone) == ["yes please"]


async def test_a_reply_that_counts_signals_its_enrollment(
    company: Company, stranger: httpx.AsyncClient, workflows: RecordingWorkflows
) -> None:
    contact = await add_contact(company)
    enrollment = await enroll(company, contact, status="sent")
    await post(stranger, company, text_event(contact.phone))
    [signal] = workflows.asked("deliver")
    assert signal.workflow_id == enrollment_workflow_id(enrollment.campaign_id, contact.id)
    assert signal.name == SignalName.REPLY_RECEIVED


async def test_the_same_webhook_five_times_is_one_event_one_message_and_one_interaction(
    company: Company, stranger: httpx.AsyncClient
) -> None:
    contact = await add_contact(company)
    await enroll(company, contact, status="sent")
    event = text_event(contact.phone)
    answers = [await post(stranger, company, event) for _ in range(5)]
    assert [answer.json()["status"] for answer in answers] == ["processed", *["repeated"] * 4]
    assert len(await stored_events(company)) == 1
    assert await texts_of(company, contact.phone) == ["yes please"]
    async with company.database.tenant(company.tenant_id) as session:
        assert len((await session.exec(select(Interaction))).all()) == 1


async def test_fifty_deliveries_of_one_webhook_at_once_are_one_event(
    company: Company, stranger: httpx.AsyncClient
) -> None:
    phone = fresh_phone()
    event = text_event(phone)
    answers = await asyncio.gather(*(post(stranger, company, event) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await stored_events(company)) == 1
    assert await texts_of(company, phone) == ["yes please"]


@pytest.mark.parametrize("secret", [None, "", "guess", "hook-secre", "HOOK-SECRET", "hook-secret "])
async def test_a_forged_webhook_is_refused_and_nothing_is_stored(
    company: Company, stranger: httpx.AsyncClient, secret: str | None
) -> None:
    phone = fresh_phone()
    answer = await post(stranger, company, text_event(phone), secret=secret)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert await stored_events(company) == []
    assert await texts_of(company, phone) == []


async def test_the_signature_is_checked_on_the_raw_body_where_one_came(
    company: Company, stranger: httpx.AsyncClient, secrets: SecretBox
) -> None:
    await set_channel(company, signing_secret=secrets.seal("signing"))
    raw = json.dumps(text_event(fresh_phone()), indent=3).encode()
    right = "sha256=" + hmac.new(b"signing", raw, hashlib.sha256).hexdigest()
    wrong = "sha256=" + hmac.new(b"signing", raw + b" ", hashlib.sha256).hexdigest()
    assert (await post(stranger, company, raw, headers={"X-Wassenger-Signature": wrong})).status_code == 401
    assert await stored_events(company) == []
    assert (await post(stranger, company, raw, headers={"X-Wassenger-Signature": right})).status_code == 200


async def test_the_secret_may_come_in_a_header(company: Company, stranger: httpx.AsyncClient) -> None:
    event = text_event(fresh_phone())
    answer = await post(stranger, company, event, secret=None, headers={"X-Relance-Secret": HOOK_SECRET})
    assert answer.status_code == 200


async def test_an_event_that_nobody_knows_is_kept(company: Company, stranger: httpx.AsyncClient) -> None:
    answer = await post(stranger, company, {"event": "galaxy:formed", "data": {"stars": 3}})
    assert answer.status_code == 200
    [event] = await stored_events(company)
    assert (event.event_name, event.normalised) == ("galaxy:formed", {"facts": []})
    assert json.loads(event.raw) == {"event": "galaxy:formed", "data": {"stars": 3}}


async def test_what_is_written_in_a_group_is_kept_but_is_nobodys_reply(
    company: Company, stranger: httpx.AsyncClient
) -> None:
    phone = fresh_phone()
    group = {"id": "120363000000000000@g.us", "type": "group"}
    assert (await post(stranger, company, text_event(phone, chat=group))).status_code == 200
    [event] = await stored_events(company)
    assert event.normalised == {"facts": []}
    assert await texts_of(company, phone) == []


async def test_a_receipt_moves_its_message(company: Company, stranger: httpx.AsyncClient) -> None:
    contact = await add_contact(company)
    sent = {"status": "sent", "provider_message_id": uuid4().hex[:24]}
    delivery = await add_delivery(company, contact, body="Hi", **sent)
    await keep(
        company,
        Message(
            tenant_id=company.tenant_id,
            channel_id=company.channel_id,
            contact_id=contact.id,
            direction="out",
            delivery_id=delivery.id,
            provider_message_id=delivery.provider_message_id,
            body="Hi",
            status="sent",
        ),
    )
    receipt = {"id": delivery.provider_message_id, "status": "read", "deliveryStatus": "read"}
    answer = await post(stranger, company, {"event": "message:out:ack", "data": receipt})
    assert answer.json() == {"status": "processed"}
    async with company.database.tenant(company.tenant_id) as session:
        assert (await session.exec(select(Message.status))).one() == "read"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 200_000])
async def test_a_body_that_is_no_event_is_refused_and_not_stored(
    company: Company, stranger: httpx.AsyncClient, body: bytes
) -> None:
    answer = await post(stranger, company, body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert await stored_events(company) == []


async def test_a_body_over_a_megabyte_is_refused_while_it_is_read(
    company: Company, stranger: httpx.AsyncClient
) -> None:
    answer = await post(stranger, company, text_event(fresh_phone(), body="x" * 1_000_000))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")

    read = 0

    async def endless() -> Any:
        nonlocal read
        for _ in range(1000):
            read += 100_000
            yield b"x" * 100_000

    url = f"/webhooks/wassenger/{company.channel_id}?secret={HOOK_SECRET}"
    assert (await stranger.post(url, content=endless())).status_code == 413
    assert read < 2_000_000
    assert await stored_events(company) == []


async def test_a_body_of_just_under_a_megabyte_is_taken(company: Company, stranger: httpx.AsyncClient) -> None:
    answer = await post(stranger, company, text_event(fresh_phone(), body="x" * 990_000))
    assert answer.status_code == 200


@pytest.mark.parametrize("address", ["telegraph/{own}", "wassenger/{other}", "WASSENGER/{own}", "%00/{own}"])
async def test_an_address_that_is_no_channels_does_not_exist(
    company: Company, stranger: httpx.AsyncClient, address: str
) -> None:
    path = address.format(own=company.channel_id, other=uuid4())
    answer = await stranger.post(f"/webhooks/{path}?secret={HOOK_SECRET}", content=b"{}")
    assert answer.status_code == 404
    assert await stored_events(company) == []


async def test_temporal_away_keeps_the_event_for_the_sweep(
    company: Company, stranger: httpx.AsyncClient, workflows: RecordingWorkflows
) -> None:
    contact = await add_contact(company)
    await enroll(company, contact, status="sent")
    workflows.away = True
    event = text_event(contact.phone)
    answer = await post(stranger, company, event)
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    [stored] = await stored_events(company)
    assert stored.processed_at is None

    workflows.away = False
    assert (await post(stranger, company, event)).json() == {"status": "processed"}
    assert [signal.name for signal in workflows.asked("deliver")] == [SignalName.REPLY_RECEIVED]
    assert await texts_of(company, contact.phone) == ["yes please"]


async def test_a_temporal_that_hangs_does_not_make_the_platform_wait(
    company: Company, stranger: httpx.AsyncClient, workflows: RecordingWorkflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_signals: object) -> None:
        await asyncio.Event().wait()

    contact = await add_contact(company)
    await enroll(company, contact, status="sent")
    monkeypatch.setattr(workflows, "deliver", hang)
    monkeypatch.setattr(processing, "PROCESS_WITHIN", processing.PROCESS_WITHIN / 20)
    answer = await post(stranger, company, text_event(contact.phone))
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    assert [event.processed_at for event in await stored_events(company)] == [None]


async def test_a_database_that_breaks_after_the_event_is_stored_does_not_lose_it(
    company: Company, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_given: object) -> list[Signal]:
        raise ConnectionResetError

    event = text_event(fresh_phone())
    monkeypatch.setattr(processing, "take_quickly", broken)
    monkeypatch.setattr(processing, "process_event", broken)
    assert (await post(stranger, company, event)).json() == {"status": "stored"}
    monkeypatch.undo()
    assert (await post(stranger, company, event)).json() == {"status": "processed"}
    assert len(await stored_events(company)) == 1


async def test_a_quick_way_that_breaks_leaves_the_event_to_the_thorough_one(
    company: Company, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_given: object) -> None:
        raise ConnectionResetError

    phone = fresh_phone()
    monkeypatch.setattr(processing, "take_quickly", broken)
    assert (await post(stranger, company, text_event(phone))).json() == {"status": "processed"}
    assert await texts_of(company, phone) == ["yes please"]


async def test_a_secret_that_was_changed_lets_nobody_in_any_more(
    company: Company, stranger: httpx.AsyncClient, secrets: SecretBox
) -> None:
    assert (await post(stranger, company, text_event(fresh_phone()))).status_code == 200
    await set_channel(company, webhook_secret=secrets.seal("new-secret"))
    assert (await post(stranger, company, text_event(fresh_phone()))).status_code == 401
    assert len(await stored_events(company)) == 1
    assert (await post(stranger, company, text_event(fresh_phone()), secret="new-secret")).status_code == 200


async def test_a_text_under_two_events_is_one_message_and_tells_twice(
    company: Company, stranger: httpx.AsyncClient, workflows: RecordingWorkflows
) -> None:
    contact = await add_contact(company)
    await enroll(company, contact, status="sent")
    event = text_event(contact.phone)
    for name in ("message:in:new", "channel:in"):
        assert (await post(stranger, company, {**event, "event": name})).json() == {"status": "processed"}
    first, second = workflows.asked("deliver")
    assert first == second
    assert await texts_of(company, contact.phone) == ["yes please"]


async def test_a_second_text_is_a_repeat_of_the_campaigns_reply(company: Company, stranger: httpx.AsyncClient) -> None:
    contact = await add_contact(company)
    await enroll(company, contact, status="sent")
    for words in ("yes", "yes!"):
        await post(stranger, company, text_event(contact.phone, words))
    async with company.database.tenant(company.tenant_id) as session:
        rows = (await session.exec(select(Interaction.counted, Interaction.reason))).all()
    assert sorted(rows, reverse=True) == [(True, None), (False, "a repeat: this campaign already has its reply")]


async def test_a_database_that_is_away_asks_the_platform_to_come_again(
    company: Company, app: FastAPI, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Database.connect("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(app.state, "services", replace(app.state.services, database=nowhere))
    answer = await post(stranger, company, text_event(fresh_phone()))
    await nowhere.close()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "retry-after" in answer.headers
    assert await stored_events(company) == []


async def test_the_webhook_address_that_connecting_answers_is_the_one_that_takes_events(
    company: Company, stranger: httpx.AsyncClient
) -> None:
    new = {
        "platform": "wassenger",
        "name": "Second",
        "credentials": {"token": "t", "device_id": "d"},
        "webhook_secret": "a b&c=d/é?#%",
    }
    made = (await company.http.post("/api/channels", json=new)).json()
    url = made["webhook_url"].removeprefix(BASE_URL)
    assert (await stranger.post(url, json=text_event(fresh_phone()))).status_code == 200
