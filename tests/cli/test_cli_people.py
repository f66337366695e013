"""`relance people link`: whoever has the database can let somebody in, and nobody who was shut out."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlmodel import col, update
from typer.testing import Result

from db.engine import Database
from db.people import find_link
from db.tables import Tenant, User

Relance = Callable[..., Result]


@pytest_asyncio.fixture
async def ann(database: Database) -> User:
    """An operator of some tenant."""
    tenant = Tenant(name="People")
    user = User(tenant_id=tenant.id, name="Ann", email=f"ann-{uuid4().hex[:8]}@example.com", role="operator")
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        session.add(user)
    return user


@pytest.fixture(autouse=True)
def _at_the_database(relance: Relance, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", database_url)
    monkeypatch.setenv("RELANCE_PUBLIC_URL", "https://relance.example")


async def run(relance: Relance, *arguments: str) -> Result:
    """The command in a thread, since it has an event loop of its own."""
    return await asyncio.to_thread(relance, "people", "link", *arguments)


async def test_the_link_is_that_persons_and_stands_at_the_public_address(
    relance: Relance, database: Database, ann: User
) -> None:
    told = json.loads((await run(relance, "--email", (ann.email or "").upper(), "--json")).stdout)
    assert (told["name"], told["role"]) == ("Ann", "operator")
    address, _, token = told["link"].rpartition("/")
    assert address == "https://relance.example/welcome"
    found = await find_link(database, token, datetime.now(UTC))
    assert found is not None
    assert found.id == ann.id


async def test_who_is_disabled_or_unknown_gets_none(relance: Relance, database: Database, ann: User) -> None:
    async with database.tenant(ann.tenant_id) as session:
        await session.exec(update(User).where(col(User.id) == ann.id).values(disabled_at=datetime.now(UTC)))
    for email, said in ((ann.email or "", "is disabled"), ("nobody@example.com", "nobody signs in with")):
        result = await run(relance, "--email", email)
        assert (result.exit_code, said in result.stderr, result.stdout) == (1, True, "")


async def test_without_an_address_it_is_the_first_owner_of_the_oldest_tenant(
    relance: Relance, database: Database
) -> None:
    tenant = Tenant(name="Oldest", created_at=datetime(2000, 1, 1, tzinfo=UTC))
    owners = [
        User(tenant_id=tenant.id, name=name, role="owner", created_at=datetime(year, 1, 1, tzinfo=UTC))
        for name, year in (("Second", 2021), ("First", 2020))
    ]
    async with database.tenant(tenant.id) as session:
        session.add(tenant)
        await session.flush()
        session.add_all(owners)
    result = await run(relance)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].split() == ["name", "First"]
