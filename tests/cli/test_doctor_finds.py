"""What the doctor finds in a database and a Temporal that really are in trouble, one trouble at a time (SPEC OPS-6)."""

import asyncio
import json
import shutil
import sys
import time
import zoneinfo
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from typer.testing import Result

import cli.doctor.database
from cli.doctor.database import check_database
from cli.doctor.findings import Finding, State
from cli.doctor.machine import check_machine
from cli.doctor.standstill import check_standstill
from cli.doctor.temporal import check_temporal
from cli.doctor.work import check_work, reading_database
from cli.stack.postgres import running_postgres
from cli.stack.probes import free_port
from cli.stack.temporal import temporal_program
from db.engine import APPLICATION_ROLE, Database
from db.inbound import UNMATCHED
from domain import ids
from migrations.upgrade import upgrade
from settings import Settings
from tests.ledger_world import KEY, World
from tests.own_parts import own_database
from workflows.standing import schedule_sweep

Relance = Callable[..., Result]


def sick(findings: list[Finding]) -> dict[str, Finding]:
    """What is wrong, by name; each says why it matters and what mends it."""
    wrong = {finding.name: finding for finding in findings if finding.state is State.WRONG}
    assert all(finding.words and finding.why and finding.advice for finding in wrong.values()), wrong
    return wrong


async def run_sql(url: str, *statements: str) -> None:
    """As the owner of the database, each in a transaction of its own."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await engine.dispose()


@pytest_asyncio.fixture
async def own_url(database_url: str) -> AsyncIterator[str]:
    """A database of the test's own to harm."""
    async with own_database(database_url, "doctor") as url:
        yield url


async def in_the_database(url: str, pool_size: int = 10) -> dict[str, Finding]:
    """The tests' server has fsync off, which is a finding of its own."""
    found = sick([finding async for finding in check_database(url, pool_size)])
    found.pop("durability", None)
    return found


# --- the server -----------------------------------------------------------------------------------------------------


async def test_a_server_without_the_role_and_the_schema_is_found(session_dir: Path) -> None:
    async with running_postgres(session_dir / "doctor-empty", fast=True) as url:
        assert {"schema", "application role"} <= (await in_the_database(url)).keys()
        await upgrade(url)
        assert await in_the_database(url) == {}
        await run_sql(url, f"ALTER ROLE {APPLICATION_ROLE} BYPASSRLS")
        assert "NOBYPASSRLS" in (await in_the_database(url))["application role"].advice
        await run_sql(url, f"ALTER ROLE {APPLICATION_ROLE} NOBYPASSRLS", "CREATE ROLE stranger LOGIN")
        found = await in_the_database(str(make_url(url).set(username="stranger")))
        assert "may not become" in found["application role"].words


async def test_a_server_that_forgets_after_a_power_cut_is_found(database_url: str, own_url: str) -> None:
    found = sick([finding async for finding in check_database(database_url)])
    assert "fsync" in found["durability"].words
    await run_sql(own_url, f"ALTER DATABASE {make_url(own_url).database} SET synchronous_commit = off")
    found = sick([finding async for finding in check_database(own_url)])
    assert "synchronous_commit" in found["durability"].words


async def test_pools_that_do_not_fit_into_the_servers_connections_are_found(own_url: str) -> None:
    assert await in_the_database(own_url, pool_size=10) == {}
    assert "RELANCE_DATABASE_POOL_SIZE" in (await in_the_database(own_url, pool_size=150))["connections"].advice
    await run_sql(own_url, f"ALTER DATABASE {make_url(own_url).database} CONNECTION LIMIT 5")
    assert "5 granted" in (await in_the_database(own_url))["connections"].words


async def test_a_table_that_the_application_may_not_use_is_found(own_url: str) -> None:
    await run_sql(own_url, f"REVOKE INSERT ON deliveries FROM {APPLICATION_ROLE}")
    found = await in_the_database(own_url)
    assert found.keys() == {"rights"}
    assert "deliveries" in found["rights"].advice


async def test_a_clock_that_is_off_is_found(own_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = SimpleNamespace(time=lambda: time.time() + 60)
    monkeypatch.setattr(cli.doctor.database, "time", ahead)
    assert "-60" in (await in_the_database(own_url))["clock"].words


async def test_a_server_older_than_what_is_needed_is_found(own_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.doctor.database, "OLDEST_VERSION", 99)
    assert "99" in (await in_the_database(own_url))["database"].advice


# --- what lies in the database --------------------------------------------------------------------------------------


@asynccontextmanager
async def world_in(url: str) -> AsyncIterator[World]:
    database = Database.connect(url, pool_size=2)
    try:
        yield await World.make(database)
    finally:
        await database.close()


async def at_work(url: str, **more: Any) -> dict[str, Finding]:
    settings = Settings(data_dir=Path("nowhere"), **{"secret_keys": SecretStr(KEY), **more})
    database = reading_database(url)
    try:
        return sick([finding async for finding in check_work(database, settings)])
    finally:
        await database.close()


async def test_a_healthy_database_has_nothing_wrong_and_the_doctor_can_only_read(own_url: str) -> None:
    async with world_in(own_url) as world:
        await world.person()
        assert await at_work(own_url) == {}
        database = reading_database(own_url)
        async with database.tenant(world.tenant_id) as session:
            with pytest.raises(Exception, match="read-only"):
                await session.execute(text("UPDATE campaigns SET name = 'changed'"))
            await session.rollback()
        await database.close()


async def hold_sends(url: str, _world: World) -> None:
    await run_sql(url, "UPDATE installation SET sends_held = true, held_by = 'me', held_why = 'a rehearsal'")


async def move(url: str, _world: World) -> None:
    await run_sql(url, "UPDATE installation SET identity = 'another/place'")


async def empty_installation(url: str, _world: World) -> None:
    await run_sql(url, "TRUNCATE installation")


async def unknown_zone(_url: str, world: World) -> None:
    await world.run("UPDATE tenants SET time_zone = 'Mars/Olympus' WHERE id = :tenant")


async def refused_key(_url: str, world: World) -> None:
    await world.run("UPDATE channels SET status = 'credentials_expired' WHERE id = :channel")


async def open_breaker(_url: str, world: World) -> None:
    await world.run("""UPDATE channels SET breaker = '{"state": "open"}' WHERE id = :channel""")


async def lost_answer(_url: str, world: World, minutes: int = 60) -> None:
    """The platform is still asked about it: each round writes the row."""
    person = await world.person()
    await world.run(
        """
        INSERT INTO deliveries
            (id, tenant_id, channel_id, contact_id, kind, idempotency_key, status,
             created_at, first_asked_at, updated_at)
        VALUES (gen_random_uuid(), :tenant, :channel, :contact, 'test', 'k', 'unknown',
                now() - interval '1 day', now() - make_interval(mins => :minutes), now())
        """,
        contact=person.contact_id,
        minutes=minutes,
    )


async def webhook_left_behind(_url: str, world: World) -> None:
    await world.run("""
        INSERT INTO inbound_events (id, tenant_id, channel_id, dedupe_key, event_name, raw, received_at)
        VALUES (gen_random_uuid(), :tenant, :channel, 'd', 'e', '{}', now() - interval '1 hour')
    """)


@pytest.mark.parametrize(
    ("trouble", "name", "words"),
    [
        (hold_sends, "sends", "a rehearsal"),
        (move, "sends", "restored"),
        (empty_installation, "sends", "row"),
        (unknown_zone, "tenants' time zones", "Mars/Olympus"),
        (refused_key, "parked channels", "-"),
        (open_breaker, "failing platforms", "breaker open"),
        (lost_answer, "unknown deliveries", "1 for over"),
        (webhook_left_behind, "unprocessed webhooks", "1 for over"),
    ],
)
async def test_each_trouble_at_work_is_found_alone(
    own_url: str, trouble: Callable[[str, World], Awaitable[None]], name: str, words: str
) -> None:
    async with world_in(own_url) as world:
        await trouble(own_url, world)
    found = await at_work(own_url)
    assert found.keys() == {name}
    assert words in found[name].words


async def test_a_receipt_of_a_message_typed_on_the_phone_is_no_trouble(own_url: str) -> None:
    async with world_in(own_url) as world:
        await webhook_left_behind(own_url, world)
        await world.run("UPDATE inbound_events SET problem = :problem", problem=UNMATCHED)
        assert await at_work(own_url) == {}
        await world.run("UPDATE inbound_events SET problem = 'a bug'")
        assert (await at_work(own_url)).keys() == {"unprocessed webhooks"}


async def test_an_answer_that_was_lost_a_moment_ago_is_no_trouble(own_url: str) -> None:
    async with world_in(own_url) as world:
        await lost_answer(own_url, world, minutes=5)
    assert await at_work(own_url) == {}


async def test_stored_credentials_that_no_key_opens_are_found(own_url: str) -> None:
    async with world_in(own_url):
        other = SecretStr(Fernet.generate_key().decode())
        assert (await at_work(own_url, secret_keys=other)).keys() == {"stored credentials"}
        both = SecretStr(f"{other.get_secret_value()},{KEY}")
        assert await at_work(own_url, secret_keys=both) == {}


# --- Temporal -------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def bare() -> AsyncIterator[Client]:
    """A Temporal as it comes: no search attributes, four partitions, no worker, no rate, no schedule."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_program(),
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
    )
    async with environment:
        yield environment.client


async def in_temporal(client: Client) -> dict[str, Finding]:
    config: Any = {"target_host": client.service_client.config.target_host, "namespace": "default"}
    return sick([finding async for finding in check_temporal(config)])


async def test_a_temporal_as_it_comes_lacks_everything_that_relance_needs(bare: Client) -> None:
    found = await in_temporal(bare)
    assert found.keys() == {
        "search attributes",
        "worker on relance",
        "worker on relance-send",
        "send queue partitions",
        "send queue rate",
        "inbound sweep",
    }
    assert "RelanceTenant" in found["search attributes"].advice
    assert found["send queue partitions"].words == "4"


async def test_a_paused_sweep_is_found_and_a_running_one_is_fine(bare: Client) -> None:
    await schedule_sweep(bare, timedelta(hours=1), timedelta(seconds=5))
    assert "inbound sweep" not in await in_temporal(bare)
    handle = bare.get_schedule_handle(ids.inbound_sweep_id())
    await handle.pause()
    assert "paused" in (await in_temporal(bare))["inbound sweep"].words
    await handle.delete()


async def standing_still(url: str, client: Client) -> dict[str, Finding]:
    database = reading_database(url)
    try:
        return sick([finding async for finding in check_standstill(database, client)])
    finally:
        await database.close()


async def test_campaigns_and_contacts_without_a_workflow_are_found(own_url: str, bare: Client) -> None:
    async with world_in(own_url) as world:
        person = await world.person(launched_at=datetime.now(UTC) - timedelta(hours=1))
        await world.run("UPDATE campaigns SET started_at = now() - interval '1 hour' WHERE id = :campaign")
        assert (await standing_still(own_url, bare)).keys() == {"campaigns", "contacts"}
        names = [
            ("Campaign", ids.campaign_workflow_id(world.campaign_id)),
            ("Enrollment", ids.enrollment_workflow_id(world.campaign_id, person.contact_id)),
        ]
        handles = [await bare.start_workflow(kind, id=name, task_queue="nobody") for kind, name in names]
        assert await standing_still(own_url, bare) == {}
        await handles[1].terminate()
        assert (await standing_still(own_url, bare)).keys() == {"contacts"}


# --- this machine ---------------------------------------------------------------------------------------------------


def on_the_machine(tmp_path: Path, **more: Any) -> dict[str, Finding]:
    ports = {name: free_port() for name in ("api_port", "temporal_port", "temporal_ui_port", "simulator_port")}
    found = sick(list(check_machine(Settings(**{"data_dir": tmp_path, **ports, **more}), None)))
    del found["stack"]
    return found


def test_a_disk_that_is_nearly_full_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=100_000_000))
    assert on_the_machine(tmp_path)["disk"].words == "0.1 GB free"


@pytest.fixture
def no_time_zones(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine with neither the system's time zones nor the package."""
    path = zoneinfo.TZPATH
    for name in ["tzdata", *(name for name in sys.modules if name.startswith("tzdata."))]:
        monkeypatch.setitem(sys.modules, name, None)
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=path)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("no_time_zones")
def test_missing_time_zone_data_is_found(tmp_path: Path) -> None:
    assert "tzdata" in on_the_machine(tmp_path)["time zones"].advice


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000", "https://localhost", "http://relance.example.com"])
def test_an_address_that_a_real_platform_cannot_call_safely_is_found(tmp_path: Path, address: str) -> None:
    found = on_the_machine(tmp_path, wassenger_url="https://api.wassenger.com", public_url=address)
    assert "RELANCE_PUBLIC_URL" in found["public address"].advice


def test_a_public_address_over_tls_is_fine(tmp_path: Path) -> None:
    real = {"wassenger_url": "https://api.wassenger.com", "public_url": "https://relance.example.com"}
    assert on_the_machine(tmp_path, **real) == {}
    assert on_the_machine(tmp_path) == {}, "with the simulator the loopback address is right"


# --- the whole command ----------------------------------------------------------------------------------------------


async def test_the_command_tells_it_all_and_no_secret(
    relance: Relance, own_url: str, bare: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_in(own_url) as world:
        await open_breaker(own_url, world)
    password, key = "pa55-of-the-database", Fernet.generate_key().decode()
    address = bare.service_client.config.target_host
    monkeypatch.setenv("RELANCE_DATABASE_URL", str(make_url(own_url).set(password=password).render_as_string(False)))
    monkeypatch.setenv("RELANCE_SECRET_KEYS", f"{key},{KEY}")
    monkeypatch.setenv("RELANCE_BOOTSTRAP_API_KEY", "rl_an-owners-key")
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)

    result = await asyncio.to_thread(relance, "doctor", "--json")
    in_text = await asyncio.to_thread(relance, "doctor")

    said = json.loads(result.stdout)
    found = {finding["name"] for finding in said["findings"] if finding["state"] == "wrong"}
    assert {"failing platforms", "search attributes", "worker on relance", "inbound sweep", "API"} <= found
    assert (result.exit_code, in_text.exit_code) == (1, 1)
    for secret in (password, key, KEY, "rl_an-owners-key"):
        assert secret not in result.stdout + in_text.stdout
