"""The whole house in one process, on real parts: API, worker and simulator, reached as users and platforms reach them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from cryptography.fernet import Fernet
from pydantic import SecretStr
from temporalio.client import Client

from api.app import create_app
from cli.stack.probes import free_port
from db.bootstrap import OWNER_SCOPES
from db.api_keys import key_row, make_key
from db.engine import Database
from db.secrets import SecretBox
from db.tables import Tenant
from settings import Settings, fernet_keys
from simulator.app import SimulatorConfig
from simulator.server import GuestServer, serving
from worker import running_workers
from workflows.handles import Workflows

Json = dict[str, Any]

SETTLED = 45.0
"""Seconds within which a journey's end is awaited; the wait itself is on the condition."""


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float = SETTLED) -> None:
    """Waits until a condition holds; fails with its name when it does not in time."""
    deadline = time.monotonic() + within
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(0.05)


@dataclass
class Channel:
    """A connected account and the device that the simulator knows it by."""

    id: str
    device: str
    token: str
    webhook_url: str


@dataclass
class Campaign:
    """A campaign and the phones that were imported into it."""

    id: str
    channel: Channel
    phones: list[str] = field(default_factory=list)


@dataclass
class House:
    """One tenant's view of the running house."""

    tenant_id: UUID
    api: httpx.AsyncClient
    simulator: httpx.AsyncClient
    client: Client
    database: Database
    settings: Settings

    async def call(self, method: str, path: str, *, expect: int, **arguments: Any) -> Json:
        """A call to the API that must be answered with this status."""
        answer = await self.api.request(method, path, **arguments)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        body: Json = answer.json()
        return body

    async def behave(self, **people: Any) -> None:
        """How people of the simulator answer from now on; by default nobody does."""
        receipts = people.pop("receipts", {})
        behaviour = {"people": {"reply_share": 0.0, "stop_share": 0.0, **people}, "receipts": receipts}
        (await self.simulator.put("/control/behaviour", json=behaviour)).raise_for_status()

    async def fault(self, *rules: Json, **others: Any) -> None:
        """The simulator's faults from now on; none heals everything."""
        (await self.simulator.put("/control/faults", json={"rules": list(rules), **others})).raise_for_status()

    async def write(self, channel: Channel, phone: str, text: str, **more: Any) -> None:
        """A person writes to the channel now."""
        body = {"device": channel.device, "phone": phone, "text": text, **more}
        (await self.simulator.post("/control/inbound", json=body)).raise_for_status()

    async def received(self, channel: Channel, phone: str | None = None) -> list[Json]:
        """The messages that reached people, from the simulator's own log."""
        parameters = {"device": channel.device, "size": 5000} | ({"phone": phone} if phone else {})
        answer = await self.simulator.get("/control/messages", params=parameters)
        answer.raise_for_status()
        rows = answer.json()
        messages: list[Json] = rows["items"] if isinstance(rows, dict) else rows
        return [row for row in messages if row.get("accepted", True)]

    async def channel(self, rate: float = 100.0, **more: Any) -> Channel:
        """Connects an account and registers its webhook, as an operator would."""
        token, device = f"token-{uuid4().hex}", uuid4().hex[:24]
        body = {
            "platform": "wassenger",
            "name": f"Channel {device[:6]}",
            "credentials": {"token": token, "device_id": device},
            "webhook_secret": uuid4().hex,
            "rate_per_second": rate,
            **more,
        }
        made = await self.call("POST", "/api/channels", json=body, expect=201)
        events = ["message:in:new", "message:out:new", "message:out:sent", "message:out:ack", "message:out:failed"]
        hook = {"name": "relance", "url": made["webhook_url"], "events": events, "device": device}
        answer = await self.simulator.post("/v1/webhooks", json=hook, headers={"Token": token})
        assert answer.status_code in (200, 201), answer.text
        return Channel(made["id"], device, token, made["webhook_url"])

    async def campaign(self, channel: Channel, contacts: int = 1, *, start: bool = True, **more: Any) -> Campaign:
        """Makes a campaign, imports people nobody else has, and starts it."""
        body = {
            "name": f"Campaign {uuid4().hex[:6]}",
            "channel_id": channel.id,
            "message_1": "Hello {{ first_name | default('there') }}",
            "message_2": "Thanks {{ first_name | default('there') }}, here is more.",
            "reply_window_seconds": 60,
            "pacing": {"delay_seconds": 0, "batch_size": 50},
            **more,
        }
        phones = more.pop("phones", None) or new_phones(contacts)
        body.pop("phones", None)
        made = await self.call("POST", "/api/campaigns", json=body, expect=201)
        rows = [{"phone": phone, "first_name": f"N{index}"} for index, phone in enumerate(phones)]
        added = await self.call("POST", f"/api/campaigns/{made['id']}/contacts", json={"contacts": rows}, expect=200)
        assert added["added"] == len(phones), added
        if start:
            await self.call("POST", f"/api/campaigns/{made['id']}/start", expect=202)
        return Campaign(made["id"], channel, phones)

    async def show(self, campaign: Campaign) -> Json:
        """The campaign as the API shows it."""
        return await self.call("GET", f"/api/campaigns/{campaign.id}", expect=200)

    async def counts(self, campaign: Campaign) -> dict[str, int]:
        """The campaign's counts; that they add up is checked at every look."""
        counts: dict[str, int] = (await self.show(campaign))["counts"]
        states = ("pending", "sending", "sent", "delivered", "read", "failed", "suppressed", "unknown", "cancelled")
        assert counts["total"] == sum(counts[state] for state in states), counts
        return counts

    async def contacts(self, campaign: Campaign) -> dict[str, Json]:
        """The campaign's contacts by phone."""
        page = await self.call("GET", f"/api/campaigns/{campaign.id}/contacts", params={"limit": 200}, expect=200)
        return {row["phone"]: row for row in page["items"]}

    async def command(self, campaign: Campaign, command: str, *, expect: int = 202) -> Json:
        """Pause, resume, cancel, retry-failed."""
        return await self.call("POST", f"/api/campaigns/{campaign.id}/{command}", expect=expect)

    async def until_status(self, campaign: Campaign, status: str, within: float = SETTLED) -> Json:
        """Waits for a campaign's state and returns the campaign."""

        async def there() -> bool:
            return bool((await self.show(campaign))["status"] == status)

        await until(there, f"campaign {status}", within)
        return await self.show(campaign)

    async def until_count(self, campaign: Campaign, name: str, at_least: int, within: float = SETTLED) -> None:
        """Waits until a count is reached; `out` stands for sent, delivered and read together."""

        async def there() -> bool:
            counts = await self.counts(campaign)
            out = counts["sent"] + counts["delivered"] + counts["read"]
            return ({**counts, "out": out})[name] >= at_least

        await until(there, f"{name} ≥ {at_least}", within)


_numbers = iter(range(1_000_000))


def new_phones(count: int) -> list[str]:
    """Numbers of the range that the French regulator keeps for fiction, never given twice in a session."""
    return [f"+3363998{next(_numbers):04d}" for _ in range(count)]


@asynccontextmanager
async def serving_api(app: Any, port: int) -> AsyncIterator[str]:
    """The API on a loopback port."""
    server = GuestServer(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
    serving_task = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.up.wait(), 10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving_task


@asynccontextmanager
async def running_house(
    client: Client, database: Database, database_url: str, place: Path, **changes: Any
) -> AsyncIterator[Callable[[], Awaitable[House]]]:
    """Everything but PostgreSQL and Temporal; gives a maker of houses, each with a tenant of its own."""
    async with AsyncExitStack() as stack:
        simulator_url = await stack.enter_async_context(serving(SimulatorConfig(data_dir=place / "simulator", seed=7)))
        port = free_port()
        settings = Settings(
            api_port=port,
            data_dir=place,
            database_url=SecretStr(database_url),
            secret_keys=SecretStr(Fernet.generate_key().decode()),
            wassenger_url=simulator_url,
            **{
                "send_timeout_seconds": 2,
                "settle_grace_seconds": 1,
                "unprocessed_after_seconds": 1,
                "sweep_interval_seconds": 1,
                **changes,
            },
        )
        app = create_app(database, Workflows(client), SecretBox(fernet_keys(settings)), public_url=settings.public_url)
        api_url = await stack.enter_async_context(serving_api(app, port))
        await stack.enter_async_context(running_workers(client, database, settings))
        control = await stack.enter_async_context(httpx.AsyncClient(base_url=simulator_url))

        async def make() -> House:
            tenant_id, key = await new_tenant(database)
            api = await stack.enter_async_context(
                httpx.AsyncClient(base_url=api_url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
            )
            house = House(tenant_id, api, control, client, database, settings)
            await house.behave()
            await house.fault()
            return house

        yield make


async def new_tenant(database: Database) -> tuple[UUID, str]:
    """A tenant of its own and its owner's key."""
    tenant = Tenant(name="Test tenant")
    key = make_key()
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        session.add(key_row(tenant.id, "owner", key, OWNER_SCOPES))
    return tenant.id, key
