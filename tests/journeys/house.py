"""A tenant's view of the running house, reached as its users and its platforms reach it: over HTTP."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle

from db.engine import Database
from domain import ids
from settings import Settings
from tests.waiting import SETTLED, until

Json = dict[str, Any]

QUIET = {"out_new": False, "out_sent": False, "delivered_share": 0.0, "read_share": 0.0}
"""A platform that sends no receipts, for journeys that are not about them."""

STATES = ("pending", "sending", "sent", "delivered", "read", "failed", "suppressed", "unknown", "cancelled")


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

    async def control(self, method: str, path: str, **arguments: Any) -> Any:
        """A call to the tester's side of the simulator."""
        answer = await self.simulator.request(method, f"/control/{path}", **arguments)
        answer.raise_for_status()
        return answer.json()

    async def behave(self, *, receipts: Json = QUIET, webhooks: Json | None = None, **people: Any) -> None:
        """How people of the simulator answer from now on; by default nobody does."""
        body = {"people": {"reply_share": 0.0, "stop_share": 0.0, **people}, "receipts": receipts}
        await self.control("PUT", "behaviour", json={**body, "webhooks": webhooks or {}})

    async def fault(self, *rules: Json, **others: Any) -> None:
        """The simulator's faults from now on; none heals everything."""
        await self.control("PUT", "faults", json={"rules": list(rules), **others})

    async def write(self, channel: Channel, phone: str, words: str, **more: Any) -> float:
        """A person writes to the channel now; returns when (Unix seconds)."""
        body = {"device": channel.device, "phone": phone, "text": words, **more}
        return float((await self.control("POST", "inbound", json=body))["at"])

    async def posts(self, channel: Channel, phone: str | None = None, since: float = 0.0) -> list[Json]:
        """Every message that the platform was asked to send, from its own log, oldest first."""
        asked = {"device": channel.device, "limit": 10_000, "since": since} | ({"phone": phone} if phone else {})
        posts: list[Json] = (await self.control("GET", "messages", params=asked))["items"]
        return posts

    async def received(self, channel: Channel, phone: str | None = None) -> list[Json]:
        """The messages that reached people."""
        return [post for post in await self.posts(channel, phone) if post["accepted"]]

    async def texts(self, channel: Channel, phone: str) -> list[str]:
        """What one person received, in order."""
        return [message["text"] for message in await self.received(channel, phone)]

    async def doubles(self, channel: Channel) -> list[Json]:
        """What reached somebody twice, by reference or by text."""
        summary = await self.control("GET", "summary", params={"device": channel.device})
        return [*summary["by_reference_doubles"], *summary["by_text_doubles"]]

    async def channel(self, rate: float = 100.0, *, base: str | None = None, **more: Any) -> Channel:
        """Connects an account and registers its webhook (at another API process's `base`), as an operator would."""
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
        url = made["webhook_url"] if base is None else made["webhook_url"].replace(self.settings.public_url, base)
        events = ["message:in:new", "message:out:new", "message:out:sent", "message:out:ack", "message:out:failed"]
        hook = {"name": "relance", "url": url, "events": events, "device": device}
        answer = await self.simulator.post("/v1/webhooks", json=hook, headers={"Token": token})
        assert answer.status_code == 201, answer.text
        return Channel(made["id"], device, token, url)

    async def campaign(
        self,
        channel: Channel,
        contacts: int = 1,
        *,
        phones: list[str] | None = None,
        start: bool = True,
        **more: Any,
    ) -> Campaign:
        """Makes a campaign, imports people nobody else has (unless `phones` names them), and starts it."""
        body = {
            "name": f"Campaign {uuid4().hex[:6]}",
            "channel_id": channel.id,
            "message_1": "Hello {{ first_name | default('there') }}",
            "message_2": "Thanks {{ first_name | default('there') }}, here is more.",
            "reply_window_seconds": 60,
            "pacing": {"delay_seconds": 0, "batch_size": 50},
            **more,
        }
        if "variants" in more:  # they stand in for Message 1
            del body["message_1"]
        phones = phones or new_phones(contacts)
        made = await self.call("POST", "/api/campaigns", json=body, expect=201)
        rows = [{"phone": phone, "first_name": f"N{index}"} for index, phone in enumerate(phones)]
        added = await self.call("POST", f"/api/campaigns/{made['id']}/contacts", json={"contacts": rows}, expect=200)
        assert added["added"] == len(phones), added
        campaign = Campaign(made["id"], channel, phones)
        if start:
            await self.command(campaign, "start")
        return campaign

    async def command(self, campaign: Campaign, command: str, *, expect: int = 202) -> Json:
        """Start, pause, resume, cancel, retry-failed."""
        return await self.call("POST", f"/api/campaigns/{campaign.id}/{command}", expect=expect)

    async def show(self, campaign: Campaign) -> Json:
        """The campaign as the API shows it; that its states add up is checked at every look."""
        shown = await self.call("GET", f"/api/campaigns/{campaign.id}", expect=200)
        counts = shown["counts"]
        assert counts["total"] == sum(counts[state] for state in STATES), counts
        return shown

    async def counts(self, campaign: Campaign) -> dict[str, int]:
        """The campaign's counts; `out` stands for sent, delivered and read together."""
        counts: dict[str, int] = (await self.show(campaign))["counts"]
        return {**counts, "out": counts["sent"] + counts["delivered"] + counts["read"]}

    async def contacts(self, campaign: Campaign) -> dict[str, Json]:
        """The campaign's contacts by phone."""
        rows: list[Json] = []
        cursor = None
        while True:
            asked = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = await self.call("GET", f"/api/campaigns/{campaign.id}/contacts", params=asked, expect=200)
            rows += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return {row["phone"]: row for row in rows}

    async def contact(self, campaign: Campaign, phone: str) -> Json:
        """One contact of the campaign."""
        return (await self.contacts(campaign))[phone]

    async def until_status(self, campaign: Campaign, status: str, within: float = SETTLED) -> Json:
        """Waits for a campaign's state and returns the campaign."""

        async def there() -> bool:
            return bool((await self.show(campaign))["status"] == status)

        await until(there, f"campaign {status}", within)
        return await self.show(campaign)

    async def until_count(self, campaign: Campaign, name: str, at_least: int, within: float = SETTLED) -> None:
        """Waits until a count is reached."""

        async def there() -> bool:
            return (await self.counts(campaign))[name] >= at_least

        try:
            await until(there, f"{name} ≥ {at_least}", within)
        except AssertionError as error:
            shown = await self.show(campaign)
            error.add_note(f"the campaign is {shown['status']} ({shown['paused_reason']}): {shown['counts']}")
            raise

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """What the database holds of this tenant, for what no page shows; `:tenant` is given."""
        async with self.database.tenant(self.tenant_id) as session:
            found = await session.execute(text(statement), {"tenant": self.tenant_id, **values})
            return list(found.all())

    async def interactions(self, campaign: Campaign) -> list[Any]:
        """The replies that the campaign recorded, oldest first: (counted, reason)."""
        return await self.rows(
            "SELECT counted, reason FROM interactions WHERE tenant_id = :tenant AND campaign_id = :id "
            "ORDER BY received_at",
            id=UUID(campaign.id),
        )

    async def enrollment(self, campaign: Campaign, phone: str) -> WorkflowHandle[Any, Any]:
        """The workflow of one contact in the campaign."""
        contact = await self.contact(campaign, phone)
        return self.client.get_workflow_handle(
            ids.enrollment_workflow_id(UUID(campaign.id), UUID(contact["contact_id"]))
        )

    def workflow(self, campaign: Campaign) -> WorkflowHandle[Any, Any]:
        """The campaign's workflow."""
        return self.client.get_workflow_handle(ids.campaign_workflow_id(UUID(campaign.id)))


_numbers = iter(range(10_000))


def new_phones(count: int) -> list[str]:
    """Numbers of the range that the French regulator keeps for fiction, never given twice in a session."""
    return [f"+3363998{next(_numbers):04d}" for _ in range(count)]
