"""Fifty tenants at once on a pool of five connections, some of whom hang up, lose patience, or fail."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import event, text
from sqlmodel import select

from db.api_keys import hash_key, key_row, make_key
from db.engine import Database
from db.tables import ApiKey, Channel, Contact, Tenant

TENANTS, CONNECTIONS = 50, 5
SETTINGS = ("relance.tenant", "relance.api_key", "relance.channel", "relance.scope")
_LOOK = f"SELECT {', '.join(f'current_setting($${name}$$, true)' for name in SETTINGS)}"


@dataclass(frozen=True)
class Member:
    """A tenant whose rows all carry its name."""

    tenant_id: UUID = field(default_factory=uuid4)
    channel_id: UUID = field(default_factory=uuid4)
    key: str = field(default_factory=make_key)

    @property
    def name(self) -> str:
        """What every row of the tenant is called."""
        return str(self.tenant_id)

    async def settle(self, database: Database) -> None:
        """Writes its rows."""
        own: dict[str, Any] = {"tenant_id": self.tenant_id}
        async with database.tenant(self.tenant_id) as session:
            session.add(Tenant(id=self.tenant_id, name=self.name))
            await session.flush()
            session.add(key_row(self.tenant_id, self.name, self.key, ["owner"]))
            session.add(
                Channel(
                    **own,
                    id=self.channel_id,
                    platform="wassenger",
                    name=self.name,
                    credentials=b"x",
                    webhook_secret=b"y",
                )
            )
            session.add(Contact(**own, phone=f"+3361{self.tenant_id.int % 10**7:07d}", name=self.name))


async def settle(database: Database) -> list[Member]:
    """The tenants."""
    members = [Member() for _ in range(TENANTS)]
    for member in members:
        await member.settle(database)
    return members


@dataclass
class Watch:
    """What every connection carried at the moment when it was taken out of the pool."""

    checkouts: int = 0
    carried: list[tuple[Any, ...]] = field(default_factory=list)

    def over(self, database: Database) -> None:
        """Looks at each checkout from now on."""
        event.listen(database._engine.sync_engine, "checkout", self._look)

    def _look(self, connection: Any, _record: Any, _proxy: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(_LOOK)
        found = cursor.fetchone()
        cursor.close()
        connection.rollback()
        self.checkouts += 1
        if any(found):
            self.carried.append(tuple(found))


class Crowd:
    """Requests drawn from a seed; each sees only its own tenant's rows, or is not let to its end."""

    def __init__(self, database: Database, members: list[Member], seed: int) -> None:
        self._database = database
        self._members = members
        self._chance = random.Random(seed)
        self.ends: Counter[str] = Counter()
        self.foreign: list[tuple[str, list[str]]] = []

    async def come(self, requests: int, *, at_once: int = TENANTS) -> None:
        """So many requests, so many of them at once."""
        waiting = iter(range(requests))

        async def one_after_the_other() -> None:
            for _ in waiting:
                await self._request()

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))

    async def _request(self) -> None:
        member = self._chance.choice(self._members)
        work = self._chance.choice([self._read, self._write, self._by_key, self._by_channel, self._fail, self._wait])
        fate = self._chance.choice(["let be", "let be", "cancelled", "timed out"])
        task = asyncio.create_task(work(member))
        try:
            if fate == "cancelled":
                await asyncio.sleep(self._chance.random() * 0.05)
                task.cancel()
                await task
            elif fate == "timed out":
                async with asyncio.timeout(self._chance.random() * 0.05):
                    await task
            else:
                await task
        except asyncio.CancelledError:
            self.ends["cancelled"] += 1
        except TimeoutError:
            self.ends["timed out"] += 1
        except ZeroDivisionError:
            self.ends["failed"] += 1
        else:
            self.ends["done"] += 1

    def _own(self, member: Member, names: Iterable[str | None]) -> None:
        if strangers := [str(name) for name in names if name != member.name]:
            self.foreign.append((member.name, strangers))

    async def _read(self, member: Member) -> None:
        async with self._database.tenant(member.tenant_id) as session:
            self._own(member, (await session.exec(select(Contact.name))).all())
            await asyncio.sleep(0)
            self._own(member, (await session.exec(select(Channel.name))).all())

    async def _write(self, member: Member) -> None:
        async with self._database.tenant(member.tenant_id) as session:
            touched = await session.execute(text("UPDATE contacts SET opt_changed_at = now() RETURNING name"))
            self._own(member, list(touched.scalars()))

    async def _by_key(self, member: Member) -> None:
        async with self._database.by_api_key(hash_key(member.key)) as session:
            self._own(member, (await session.exec(select(ApiKey.name))).all())

    async def _by_channel(self, member: Member) -> None:
        async with self._database.by_channel(member.channel_id) as session:
            self._own(member, (await session.exec(select(Channel.name))).all())
            await self._database.bind(session, member.tenant_id)
            self._own(member, (await session.exec(select(Contact.name))).all())

    async def _fail(self, member: Member) -> None:
        async with self._database.tenant(member.tenant_id) as session:
            self._own(member, (await session.exec(select(Contact.name))).all())
            raise ZeroDivisionError

    async def _wait(self, member: Member) -> None:
        async with self._database.tenant(member.tenant_id) as session:
            await session.execute(text("SELECT pg_sleep(0.01)"))
            self._own(member, (await session.exec(select(Contact.name))).all())
