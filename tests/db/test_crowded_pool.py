"""Fifty tenants on five connections, with cancellations and timeouts: no foreign row, nothing carried over (F11)."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from fastapi import FastAPI
from sqlalchemy import text

from api.app import create_app
from db.engine import Database
from db.secrets import SecretBox
from tests.api.doubles import RecordingWorkflows
from tests.api.server import serving
from tests.db.crowd import CONNECTIONS, Crowd, Member, Watch, settle

SEED = 11


@pytest_asyncio.fixture(scope="module")
async def members(database: Database) -> list[Member]:
    """The tenants, once for all."""
    return await settle(database)


@pytest_asyncio.fixture
async def narrow(database_url: str) -> AsyncIterator[Database]:
    """The pool that all of them share."""
    database = Database.connect(database_url, pool_size=CONNECTIONS)
    yield database
    await database.close()


async def show_that_nobody_sees_another(database: Database, members: list[Member], requests: int) -> None:
    """Runs the crowd and judges it."""
    watch, crowd = Watch(), Crowd(database, members, SEED)
    watch.over(database)
    await crowd.come(requests)
    print(f"seed {SEED}: {dict(crowd.ends)}, {watch.checkouts} checkouts")
    assert crowd.foreign == []
    assert watch.carried == []
    assert sum(crowd.ends.values()) == requests
    assert min(crowd.ends[end] for end in ("done", "cancelled", "timed out", "failed")) > requests / 100
    assert watch.checkouts > requests / 4


async def test_a_thousand_requests_of_fifty_tenants_see_no_foreign_row(narrow: Database, members: list[Member]) -> None:
    await show_that_nobody_sees_another(narrow, members, 1_000)


@pytest.mark.drill
async def test_ten_thousand_requests_of_fifty_tenants_see_no_foreign_row(
    narrow: Database, members: list[Member]
) -> None:
    await show_that_nobody_sees_another(narrow, members, 10_000)


async def test_a_setting_that_outlives_its_transaction_would_be_noticed(
    narrow: Database, members: list[Member]
) -> None:
    watch = Watch()
    watch.over(narrow)
    async with narrow.tenant(members[0].tenant_id) as session:
        await session.execute(text("SELECT set_config('relance.tenant', 'left behind', false)"))
    async with narrow.tenant(members[1].tenant_id):
        pass
    assert [carried[0] for carried in watch.carried] == ["left behind"]


@pytest.mark.parametrize("requests", [300, pytest.param(3_000, marks=pytest.mark.drill)], ids=["short", "long"])
async def test_callers_who_hang_up_leave_nobody_elses_rows_behind(
    database_url: str, members: list[Member], requests: int
) -> None:
    watch = Watch()

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        database = Database.connect(database_url, pool_size=CONNECTIONS)
        watch.over(database)
        secrets = SecretBox([Fernet.generate_key().decode()])
        yield create_app(database, RecordingWorkflows(), secrets, public_url="http://relance.test")
        await database.close()

    chance = random.Random(SEED)
    with serving(make_app) as address:
        async with httpx.AsyncClient(base_url=address, timeout=60) as http:
            answers = await _ask(http, members, requests, chance)
    heard = [(member, names) for member, names in answers if names is not None]
    assert [(member.name, names) for member, names in heard if set(names) != {member.name}] == []
    assert requests / 4 < len(heard) < requests * 0.95
    assert watch.carried == []
    assert watch.checkouts > requests / 4


async def _ask(
    http: httpx.AsyncClient, members: list[Member], requests: int, chance: random.Random
) -> list[tuple[Member, list[str] | None]]:
    """What each caller was told; None for those who hung up."""
    slots = asyncio.Semaphore(40)

    async def one() -> tuple[Member, list[str] | None]:
        member, path = chance.choice(members), chance.choice(["channels", "contacts", "api-keys"])
        patience = chance.choice([None, None, 0.2 * chance.random()])
        async with slots:
            try:
                async with asyncio.timeout(patience):
                    answer = await http.get(f"/api/{path}", headers={"Authorization": f"Bearer {member.key}"})
            except TimeoutError:
                return member, None
        assert answer.status_code == 200, answer.text
        return member, [item["name"] for item in answer.json()["items"]]

    return await asyncio.gather(*(one() for _ in range(requests)))
