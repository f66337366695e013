"""`relance secrets rotate`: afterwards the old key can be dropped, and nothing that it sealed is lost."""

import json
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from typer.testing import Result

from db.engine import Database
from db.rotation import Rotation, reseal_all, unreadable_channels
from db.secrets import SecretBox
from db.tables import Channel, IdempotentAnswer, Tenant

Relance = Callable[..., Result]


@pytest_asyncio.fixture
async def sealed(database: Database) -> AsyncIterator[tuple[UUID, UUID, str]]:
    """A tenant whose channel and kept answer are sealed with an old key: its id, the channel's, and the key."""
    old, tenant, channel = Fernet.generate_key().decode(), uuid4(), uuid4()
    box = SecretBox([old])
    async with database.tenant(tenant) as session:
        session.add(Tenant(id=tenant, name="Sealed"))
        await session.flush()
        session.add(
            Channel(
                id=channel,
                tenant_id=tenant,
                platform="wassenger",
                name="A",
                credentials=box.seal_document({"token": "t"}),
                webhook_secret=box.seal("hook"),
                signing_secret=box.seal("sign"),
            )
        )
        body = {"sealed": box.seal("an answer").decode()}
        session.add(IdempotentAnswer(tenant_id=tenant, key="k", request_hash="h", status=200, body=body))
    yield tenant, channel, old


async def test_after_a_rotation_the_old_key_can_be_dropped(database: Database, sealed: tuple[UUID, UUID, str]) -> None:
    tenant, channel_id, old = sealed
    new = Fernet.generate_key().decode()
    only_new = SecretBox([new])
    assert channel_id in await unreadable_channels(database, only_new)

    done = await reseal_all(database, SecretBox([new, old]))

    assert (done.resealed, channel_id in done.unreadable) == (4, False)
    async with database.tenant(tenant) as session:
        channel = await session.get_one(Channel, channel_id)
        assert only_new.open_document(channel.credentials) == {"token": "t"}
        assert channel.signing_secret is not None
        assert (only_new.open(channel.webhook_secret), only_new.open(channel.signing_secret)) == ("hook", "sign")
        answer = await session.get_one(IdempotentAnswer, (tenant, "k"))
        assert only_new.open((answer.body or {})["sealed"].encode()) == "an answer"
    assert channel_id not in await unreadable_channels(database, only_new)
    again = await reseal_all(database, SecretBox([new, old]))
    assert (again.resealed, again.current) == (0, 4)


async def test_a_secret_that_no_key_opens_is_named_and_left_alone(
    database: Database, sealed: tuple[UUID, UUID, str]
) -> None:
    tenant, channel_id, old = sealed
    done: Rotation = await reseal_all(database, SecretBox([Fernet.generate_key().decode()]))
    assert channel_id in done.unreadable
    async with database.tenant(tenant) as session:
        channel = await session.get_one(Channel, channel_id)
    assert SecretBox([old]).open(channel.webhook_secret) == "hook"


def test_the_command_ends_with_status_1_while_a_channel_opens_with_no_key(
    relance: Relance, database_url: str, sealed: tuple[UUID, UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", database_url)
    monkeypatch.setenv("RELANCE_SECRET_KEYS", Fernet.generate_key().decode())
    result = relance("secrets", "rotate", "--json")
    assert (result.exit_code, str(sealed[1]) in json.loads(result.stdout)["unreadable"]) == (1, True)


def test_without_a_key_nothing_is_made_up(relance: Relance, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", database_url)
    result = relance("secrets", "rotate")
    assert (result.exit_code, "RELANCE_SECRET_KEYS" in result.stderr) == (1, True)


def test_a_new_key_is_one_that_the_settings_take(relance: Relance) -> None:
    Fernet(relance("secrets", "new-key").stdout.strip())
