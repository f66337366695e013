"""What gauges and alerts are for, brought about by the code that meets it in life; only old age is put in by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.campaigns import CampaignRecords
from activities.deliveries import ChannelDeliveries
from activities.inbound import InboundEvents
from connectors.errors import AccountBlocked, CredentialsExpired, Rejected, Transient
from db.installation import allow_sends, hold_sends
from db.tables import InboundEvent
from domain.campaigns import CampaignRef
from domain.deliveries import DeliveryRequest, Receipt
from domain.ids import SEND_TASK_QUEUE, TASK_QUEUE
from tests.api.doubles import RecordingWorkflows
from tests.api.people import make_key_with
from tests.idle import asked_for
from tests.ledger_world import Person, World, attempt, fresh_phone, settle
from tests.operations.installation import Installation
from tests.platform_double import DeafPlatform, PlatformDouble, fail, take_then_drop
from tests.waiting import SETTLED
from workflows.ports import LaunchRequest, SweepRequest

REPLY_WAITED, RECEIPT_WAITED, UNKNOWN_FOR, REPLIED_BEFORE = 200, 90, 700, 20
"""Seconds since a reply was stored, since a receipt was, since an answer got lost, and of a reply that had to wait."""

HOOK_SECRET = "s"
"""What the channels of these worlds have been given."""

LAUNCHED = 3
ASKED_OF = [TASK_QUEUE, TASK_QUEUE, SEND_TASK_QUEUE]
BACKLOG = {
    f"{TASK_QUEUE} workflow": LAUNCHED,
    f"{TASK_QUEUE} activity": ASKED_OF.count(TASK_QUEUE),
    f"{SEND_TASK_QUEUE} activity": ASKED_OF.count(SEND_TASK_QUEUE),
}
"""The tasks that wait for a worker while `nobody_works`."""


async def put_off(deliveries: ChannelDeliveries, request: DeliveryRequest) -> None:
    """An attempt that asks to be made again in a while; here nobody does."""
    with pytest.raises(ApplicationError) as refused:
        await attempt(deliveries, request)
    assert refused.value.type == "Later", refused.value


async def platform_goes_away(installation: Installation, world: World) -> int:
    """Sends until the channel's breaker is open; returns how many of them are held now."""
    deliveries = installation.sender(PlatformDouble(usually=fail(Transient("no connection"))))
    held = 0
    while (await world.channel()).breaker.get("state") != "open":
        await world.run("UPDATE channels SET next_slot_at = NULL WHERE id = :channel")  # the breath is not waited for
        await put_off(deliveries, (await world.person()).message_1())
        held += 1
    return held


@asynccontextmanager
async def probe_out(installation: Installation, world: World) -> AsyncIterator[None]:
    """The breaker's cool-down is over, and the platform thinks about the one message that may go."""
    over = "jsonb_set(breaker, '{open_until}', to_jsonb(now() - interval '1 second'))"
    await world.run(f"UPDATE channels SET next_slot_at = NULL, breaker = {over} WHERE id = :channel")
    answers = asyncio.Event()
    platform = PlatformDouble(before_answer=answers.wait)
    deliveries, request = installation.sender(platform), (await world.person()).message_1()
    probe = asyncio.create_task(attempt(deliveries, request))
    try:
        await asyncio.wait_for(platform.called.wait(), SETTLED)
        await put_off(deliveries, request)  # another worker asks for the same
        yield
    finally:
        answers.set()
        await probe


async def answers_get_lost(installation: Installation, long_ago: World, just_now: World) -> None:
    """One message of unknown outcome at each: one is old, the other's platform cannot even be asked."""
    await put_off(installation.sender(PlatformDouble(answers=[take_then_drop])), (await long_ago.person()).message_1())
    await older(long_ago, "deliveries", "first_asked_at", UNKNOWN_FOR)
    deaf, request = installation.sender(DeafPlatform(answers=[take_then_drop])), (await just_now.person()).message_1()
    await put_off(deaf, request)
    await attempt(deaf, request)


async def older(world: World, table: str, column: str, seconds: float, where: str = "true") -> None:
    """The tenant's rows as they will be so much later."""
    await world.run(
        f"UPDATE {table} SET {column} = {column} - make_interval(secs => :seconds) "
        f"WHERE tenant_id = :tenant AND {where}",
        seconds=seconds,
    )


async def accounts_stop(installation: Installation, paused: World, expired: World, blocked: World) -> int:
    """A person pauses one, a platform refuses the key of another and blocks the third; returns what is held by it."""
    await paused.run("UPDATE channels SET status = 'paused' WHERE id = :channel")
    well = installation.sender(PlatformDouble())
    receipts = [await attempt(well, person.message_1()) for person in await paused.people(2)]
    for world, error in ((expired, CredentialsExpired("key refused")), (blocked, AccountBlocked("no plan"))):
        unwell = installation.sender(PlatformDouble(usually=fail(error)))
        receipts.append(await attempt(unwell, (await world.person()).message_1()))
    return held_of(receipts)


def held_of(receipts: list[Receipt]) -> int:
    """How many there are, all of them held."""
    assert {receipt.outcome.value for receipt in receipts} == {"held"}
    return len(receipts)


async def messages_end_otherwise(installation: Installation, world: World, sent: Person) -> Person:
    """Asked for twice, rejected, refused, answered late; returns whose lost answer was found by a look-up."""
    well = installation.sender(PlatformDouble())
    await attempt(well, sent.message_1())
    replied_at = datetime.now(UTC) - timedelta(seconds=REPLIED_BEFORE)
    await settle(well, sent.message_2().model_copy(update={"replied_at": replied_at}))
    rejects = installation.sender(PlatformDouble(usually=fail(Rejected("not a number"))))
    await attempt(rejects, (await world.person()).message_1())
    await attempt(well, (await world.person(closed_at=datetime.now(UTC))).message_1())
    found = await world.person()
    loses = installation.sender(PlatformDouble(answers=[take_then_drop]))
    await put_off(loses, found.message_1())
    await attempt(loses, found.message_1())
    return found


async def sends_are_held(installation: Installation, world: World) -> int:
    """The operator holds the whole installation for a moment; returns what is held by it."""
    engine = create_async_engine(installation.database_url)
    try:
        async with engine.begin() as owner:
            await hold_sends(owner, "tester", "a look at the gauges")
        receipt = await attempt(installation.sender(PlatformDouble()), (await world.person()).message_1())
        async with engine.begin() as owner:
            await allow_sends(owner)
    finally:
        await engine.dispose()
    return held_of([receipt])


async def webhooks_come(installation: Installation, temporal: Client, world: World, person: Person) -> None:
    """A reply while Temporal is away, a receipt of a message not known, an event that cannot be read, and the rest."""
    await unreadable_event(installation, temporal, world)
    async with installation.api(RecordingWorkflows(away=True)) as http:
        reply = {"id": "3EB0A1B2C3D4E5F60718", "type": "text", "flow": "inbound", "body": "Yes please"}
        chat = {"id": f"{person.phone.removeprefix('+')}@c.us", "type": "chat"}
        event = {"event": "message:in:new", "data": {**reply, "fromNumber": person.phone, "chat": chat}}
        assert await told(http, world, event) == {"status": "stored"}
        await older(world, "inbound_events", "received_at", REPLY_WAITED, "processed_at IS NULL AND problem IS NULL")
        receipt = {"event": "message:out:delivered", "data": {"id": uuid4().hex[:24], "status": "delivered"}}
        assert await told(http, world, receipt) == {"status": "stored"}
        await older(world, "inbound_events", "received_at", RECEIPT_WAITED, "event_name = 'message:out:delivered'")
        weather = {"event": "weather:changed", "data": {"sky": "blue"}}
        assert [await told(http, world, weather) for _ in range(2)] == [{"status": "processed"}, {"status": "repeated"}]
        assert (await told(http, world, weather, secret="guessed"))["status"] == 401
        assert (await told(http, world, []))["status"] == 400


async def unreadable_event(installation: Installation, temporal: Client, world: World) -> None:
    """The sweep meets an event that it cannot read, and leaves it with the reason."""
    event = InboundEvent(
        tenant_id=world.tenant_id,
        channel_id=world.channel_id,
        dedupe_key=uuid4().hex,
        event_name="message:in:new",
        raw=b"{}",
        normalised={"facts": [{"fact": "of a later version"}]},
        received_at=datetime.now(UTC) - timedelta(seconds=10),
    )
    await world.keep(event)
    sweep = InboundEvents(installation.database, temporal).sweep
    await ActivityEnvironment().run(sweep, SweepRequest(older_than_seconds=1))
    [row] = await world.run("SELECT problem, processed_at FROM inbound_events WHERE tenant_id = :tenant")
    assert "could not be processed" in row.problem
    assert row.processed_at is None


async def told(http: AsyncClient, world: World, event: object, secret: str = HOOK_SECRET) -> dict[str, Any]:
    """What a platform that posts this hears."""
    answer = await http.post(f"/webhooks/wassenger/{world.channel_id}", json=event, params={"secret": secret})
    body: dict[str, Any] = answer.json()
    return body


class Broken(RecordingWorkflows):
    """Has a bug."""

    async def start_campaign(self, campaign: CampaignRef, channel_id: UUID, name: str) -> None:
        """Never starts."""
        raise KeyError("a bug")


async def requests_come(installation: Installation, world: World) -> None:
    """A write that is repeated, an upload with every kind of row, and a request that meets a bug."""
    key = await make_key_with(installation.database, world.tenant_id, "owner")
    async with installation.api(Broken(), key) as http:
        stopped = {"phone": fresh_phone()}
        for _ in range(2):
            answer = await http.post("/api/suppressions", json=stopped, headers={"Idempotency-Key": "once"})
            assert answer.status_code == 201, answer.text
        body = {"name": "Autumn", "channel_id": str(world.channel_id), "message_1": "Hi", "message_2": "Thanks"}
        made = await http.post("/api/campaigns", json=body)
        assert made.status_code == 201, made.text
        address, phone = f"/api/campaigns/{made.json()['id']}", fresh_phone()
        rows = [{"phone": phone}, {"phone": phone}, {"phone": "no number"}]
        answer = await http.post(f"{address}/contacts", json={"contacts": rows})
        assert answer.status_code == 200, answer.text
        assert (await http.post(f"{address}/start")).status_code == 500


@asynccontextmanager
async def nobody_works(installation: Installation, temporal: Client, world: World) -> AsyncIterator[None]:
    """A campaign is launched, by a launch that is repeated, and activities are asked for: nobody takes any of it up."""
    for _ in range(LAUNCHED):
        await world.person(launched_at=None)
    campaign = CampaignRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id)
    request = LaunchRequest(campaign=campaign, size=10, first_at=datetime.now(UTC), delay_seconds=0)
    launch = CampaignRecords(installation.database, temporal, installation.worker_meter).launch
    for _ in range(2):
        await ActivityEnvironment().run(launch, request)
        await world.run("UPDATE enrollments SET launched_at = NULL WHERE tenant_id = :tenant")
    async with asked_for(temporal, ASKED_OF):
        yield
