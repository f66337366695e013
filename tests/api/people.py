"""Tenants for tests: each with keys and a client that speaks for it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from db.api_keys import key_row, make_key
from db.engine import Database
from db.secrets import SecretBox
from db.tables import Channel, Tenant

BASE_URL = "http://relance.test"


@dataclass(frozen=True)
class Company:
    """A tenant with a channel, and a client that carries its owner's key."""

    tenant_id: UUID
    channel_id: UUID
    http: httpx.AsyncClient
    key: str
    database: Database

    async def campaign(self, **fields: Any) -> dict[str, Any]:
        """A new campaign, as the API tells it."""
        body = {"name": "Autumn", "channel_id": str(self.channel_id), "message_1": "Hi", "message_2": "Thanks"} | fields
        answer = await self.http.post("/api/campaigns", json=body)
        assert answer.status_code == 201, answer.text
        campaign: dict[str, Any] = answer.json()
        return campaign

    async def contacts(self, campaign_id: str, *contacts: dict[str, Any]) -> dict[str, Any]:
        """Takes contacts into a campaign and returns the answer."""
        answer = await self.http.post(f"/api/campaigns/{campaign_id}/contacts", json={"contacts": list(contacts)})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def upload(self, campaign_id: str, content: bytes, **fields: str) -> httpx.Response:
        """Uploads a CSV file."""
        files = {"file": ("contacts.csv", content, "text/csv")}
        return await self.http.post(f"/api/campaigns/{campaign_id}/contacts", files=files, data=fields)


def phone(number: int) -> str:
    """The n-th of a run of French mobile numbers."""
    return f"+336{number:08d}"


async def make_key_with(database: Database, tenant_id: UUID, *scopes: str) -> str:
    """A new key of the tenant."""
    key = make_key()
    async with database.tenant(tenant_id) as session:
        session.add(key_row(tenant_id, "test", key, list(scopes)))
    return key


async def make_company(database: Database, secrets: SecretBox, app: FastAPI) -> Company:
    """A new tenant with an owner's key and one Wassenger channel at 1 message a second."""
    tenant = Tenant(name="Company", default_region="FR")
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        channel = Channel(
            id=uuid4(),
            tenant_id=tenant.id,
            platform="wassenger",
            name="Main number",
            credentials=secrets.seal_document({"token": "t", "device_id": "d"}),
            webhook_secret=secrets.seal("hook-secret"),
        )
        session.add(channel)
    key = await make_key_with(database, tenant.id, "owner")
    return Company(tenant.id, channel.id, client(app, key), key, database)


def client(app: FastAPI, key: str | None) -> httpx.AsyncClient:
    """A client of the application in this process; errors come back as answers, as over the network."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)
