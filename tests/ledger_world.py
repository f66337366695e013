"""A tenant with a channel and a campaign on a real PostgreSQL, and the send activity as Temporal would run it."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlmodel import SQLModel, col, select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deliveries import ChannelDeliveries, SendTimes
from activities.ledger import Ledger
from activities.meter import Meter
from connectors.base import PlatformConnector
from db.engine import Database
from db.replies import record_text
from db.secrets import SecretBox
from db.tables import ActionLogLine, Campaign, Channel, Contact, Delivery, Enrollment, Tenant
from domain import ids
from domain.deliveries import DeliveryRequest, Receipt
from domain.inbound import TextFact
from domain.signals import Signal
from domain.statuses import DeliveryKind

KEY = Fernet.generate_key().decode()
SECRETS = SecretBox([KEY])
QUICK = SendTimes(lease=timedelta(milliseconds=600), grace=timedelta(milliseconds=200))
PATIENCE = 20.0
"""Seconds within which a delivery that is asked for again and again must settle."""


def fresh_phone() -> str:
    """A phone (E.164) that no other test has."""
    return f"+3361{uuid4().int % 10**7:07d}"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns as soon as the condition holds; raises TimeoutError when it does not in time."""
    for _ in range(round(PATIENCE * 100)):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"not within {PATIENCE:g} s")


@dataclass
class World:
    """One tenant, its channel and its running campaign."""

    database: Database
    tenant_id: UUID
    channel_id: UUID
    campaign_id: UUID

    @classmethod
    async def make(cls, database: Database, *, credits_left: int | None = None, **channel: Any) -> "World":
        """A new tenant; `channel` are columns of its channel."""
        world = cls(database, uuid4(), uuid4(), uuid4())
        await world.keep(
            Tenant(id=world.tenant_id, name="Test", credits=credits_left),
            Channel(
                **{
                    "id": world.channel_id,
                    "tenant_id": world.tenant_id,
                    "platform": "wassenger",
                    "name": "Test",
                    "credentials": SECRETS.seal_document({"token": "t", "device_id": "d"}),
                    "webhook_secret": SECRETS.seal("s"),
                    "rate_per_second": 1e6,
                    **channel,
                }
            ),
            world._campaign(world.campaign_id),
        )
        return world

    def _campaign(self, campaign_id: UUID) -> Campaign:
        return Campaign(
            id=campaign_id,
            tenant_id=self.tenant_id,
            channel_id=self.channel_id,
            name="Autumn",
            message_1="Hello {{ first_name | default('there') }}",
            message_2="Thanks",
            reply_window_seconds=3600,
            delay_seconds=0,
            status="running",
        )

    async def another_campaign(self) -> "World":
        """The same tenant and channel with a campaign of its own."""
        other = dataclasses.replace(self, campaign_id=uuid4())
        await self.keep(self._campaign(other.campaign_id))
        return other

    async def keep(self, *rows: SQLModel) -> None:
        """Writes rows of the tenant, in this order."""
        async with self.database.tenant(self.tenant_id) as session:
            for row in rows:
                session.add(row)
                await session.flush()

    async def run(self, statement: str, **named: Any) -> list[Any]:
        """SQL as the application's role; `:tenant`, `:channel` and `:campaign` are known. Returns rows, if any."""
        known = {"tenant": self.tenant_id, "channel": self.channel_id, "campaign": self.campaign_id, **named}
        used = {name: value for name, value in known.items() if f":{name}" in statement}
        async with self.database.tenant(self.tenant_id) as session:
            result = await session.execute(text(statement), used)
            # A statement that returns nothing has no rows to fetch.
            return list(result.all()) if getattr(result, "returns_rows", False) else []

    async def person(self, *, phone: str | None = None, contact_id: UUID | None = None, **enrollment: Any) -> "Person":
        """A contact in the campaign whose turn has come."""
        if contact_id is None:
            contact = Contact(tenant_id=self.tenant_id, phone=phone or fresh_phone())
            await self.keep(contact)
            contact_id, phone = contact.id, contact.phone
        assert phone is not None, "a known contact comes with its phone"
        row = {"channel_id": self.channel_id, "launched_at": datetime.now(UTC), **enrollment}
        await self.keep(
            Enrollment(tenant_id=self.tenant_id, campaign_id=self.campaign_id, contact_id=contact_id, **row)
        )
        return Person(self, contact_id, phone)

    async def people(self, number: int) -> list["Person"]:
        """So many contacts in the campaign."""
        return list(await asyncio.gather(*(self.person() for _ in range(number))))

    async def channel(self) -> Channel:
        """The channel's row as it is now."""
        async with self.database.tenant(self.tenant_id) as session:
            return (await session.exec(select(Channel).where(col(Channel.id) == self.channel_id))).one()

    async def credits_left(self) -> int | None:
        """What the tenant has left."""
        [row] = await self.run("SELECT credits FROM tenants WHERE id = :tenant")
        left: int | None = row.credits
        return left


@dataclass
class Person:
    """One contact in one campaign."""

    world: World
    contact_id: UUID
    phone: str

    def message_1(self, generation: int = 0) -> DeliveryRequest:
        """The request for Message 1."""
        key = ids.message_1_key(self.world.campaign_id, self.contact_id, generation)
        return self._request(DeliveryKind.MESSAGE_1, key)

    def message_2(self) -> DeliveryRequest:
        """The request for Message 2."""
        return self._request(DeliveryKind.MESSAGE_2, ids.message_2_key(self.world.campaign_id, self.contact_id))

    def _request(self, kind: DeliveryKind, key: str) -> DeliveryRequest:
        world = self.world
        return DeliveryRequest(
            tenant_id=world.tenant_id,
            channel_id=world.channel_id,
            contact_id=self.contact_id,
            kind=kind,
            idempotency_key=key,
            campaign_id=world.campaign_id,
        )

    async def delivery(self, request: DeliveryRequest | None = None) -> Delivery | None:
        """The ledger's row of a request (Message 1 by default), None before the first claim."""
        key = (request or self.message_1()).idempotency_key
        async with self.world.database.tenant(self.world.tenant_id) as session:
            return (await session.exec(select(Delivery).where(col(Delivery.idempotency_key) == key))).one_or_none()

    async def status(self, request: DeliveryRequest | None = None) -> str:
        """The delivery's state; `absent` before the first claim."""
        delivery = await self.delivery(request)
        return "absent" if delivery is None else delivery.status

    async def enrollment(self) -> Enrollment:
        """The contact's part of the campaign as it is now."""
        async with self.world.database.tenant(self.world.tenant_id) as session:
            mine = select(Enrollment).where(
                col(Enrollment.campaign_id) == self.world.campaign_id, col(Enrollment.contact_id) == self.contact_id
            )
            return (await session.exec(mine)).one()

    async def log(self, request: DeliveryRequest | None = None) -> list[tuple[str, str | None]]:
        """Status and reason of each line of the delivery's log, oldest first."""
        delivery = await self.delivery(request)
        if delivery is None:
            return []
        async with self.world.database.tenant(self.world.tenant_id) as session:
            mine = select(ActionLogLine).where(col(ActionLogLine.delivery_id) == delivery.id)
            lines = (await session.exec(mine.order_by(col(ActionLogLine.id)))).all()
        return [(line.status, line.reason) for line in lines]

    async def writes(
        self,
        words: str = "Yes please",
        message_id: str | None = None,
        *,
        phone: str | None = None,
        said: datetime | None = None,
        heard: datetime | None = None,
    ) -> list[Signal]:
        """A text from this person is recorded now: from `phone`, said (by the platform's clock) and heard when told."""
        fact = TextFact(
            provider_message_id=message_id or uuid4().hex, phone=phone or self.phone, text=words, occurred_at=said
        )
        async with self.world.database.tenant(self.world.tenant_id) as session:
            return await record_text(
                session, self.world.tenant_id, self.world.channel_id, fact, heard or datetime.now(UTC)
            )


def sender(
    database: Database, platform: PlatformConnector, times: SendTimes = QUICK, meter: Meter | None = None
) -> ChannelDeliveries:
    """The send activity over this platform."""
    return ChannelDeliveries(Ledger(database), {"wassenger": platform}, SECRETS, times, meter)


async def attempt(deliveries: ChannelDeliveries, request: DeliveryRequest, number: int = 1) -> Receipt:
    """One attempt of the activity; raises `ApplicationError` of type Later when it is to be tried again."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=number, heartbeat_timeout=None)
    receipt: Receipt = await environment.run(deliveries.send, request)
    return receipt


async def settle(deliveries: ChannelDeliveries, request: DeliveryRequest) -> Receipt:
    """Tries as Temporal does, at the moment that each attempt asks for, until there is a receipt."""
    async with asyncio.timeout(PATIENCE):
        number = 1
        while True:
            try:
                return await attempt(deliveries, request, number)
            except ApplicationError as error:
                if error.type != "Later" or error.next_retry_delay is None:
                    raise
                number += 1
                await asyncio.sleep(error.next_retry_delay.total_seconds())
