"""The doctor: each thing that can be wrong is found, told with what to do, and ends with status 1."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.testing import WorkflowEnvironment
from typer.testing import Result

from cli.client import Api
from cli.doctor.database import check_database
from cli.doctor.findings import Finding, State
from cli.doctor.machine import check_machine
from cli.doctor.network import check_api, check_channels, check_platform
from cli.doctor.temporal import check_temporal
from cli.stack.environment import Addresses
from cli.stack.probes import free_port
from cli.stack.state import ProcessId, StackState
from migrations.upgrade import upgrade
from settings import Settings
from tests.cli.conftest import StubApi

Relance = Callable[..., Result]


def settings(tmp_path: Path, **more: Any) -> Settings:
    """Settings on ports that are free."""
    ports = {name: free_port() for name in ("api_port", "temporal_port", "temporal_ui_port", "simulator_port")}
    return Settings(**{"data_dir": tmp_path, **ports, **more})


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    """Findings under their names."""
    return {finding.name: finding for finding in findings}


def test_a_stopped_installation_is_told_to_start(relance: Relance) -> None:
    result = relance("doctor", "--json", "--api", "http://127.0.0.1:9")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["healthy"] is False
    sick = {finding["name"]: finding for finding in said["findings"] if finding["state"] == "wrong"}
    assert {"stack", "database", "API"} <= sick.keys()
    assert all(finding["advice"] and finding["why"] for finding in sick.values())


def test_words_name_what_is_wrong_and_what_to_do(relance: Relance) -> None:
    result = relance("doctor", "--api", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "WRONG  stack" in result.stdout
    assert "make up" in result.stdout
    assert "checks found something wrong" in result.stdout


def test_a_fresh_machine_has_nothing_wrong_but_that_nothing_runs(tmp_path: Path) -> None:
    found = by_name(list(check_machine(settings(tmp_path), None)))
    assert [name for name, finding in found.items() if finding.state is State.WRONG] == ["stack"]


def test_a_killed_stack_is_told_apart_from_a_stopped_one(tmp_path: Path) -> None:
    gone = StackState(ProcessId(pid=2**22 - 1, created=1.0), Addresses())
    assert "was killed" in by_name(list(check_machine(settings(tmp_path), gone)))["stack"].words


def test_a_running_stack_keeps_its_ports(tmp_path: Path) -> None:
    own = ProcessId.of(os.getpid())
    assert own is not None
    found = by_name(list(check_machine(settings(tmp_path), StackState(own, Addresses()))))
    assert found["stack"].state is State.OK
    assert not any(name.startswith("port") for name in found)


def test_a_taken_port_is_found(tmp_path: Path, stub: StubApi) -> None:
    port = int(stub.url.rpartition(":")[2])
    finding = by_name(list(check_machine(settings(tmp_path, api_port=port), None)))[f"port {port}"]
    assert finding.state is State.WRONG
    assert "RELANCE_API_PORT" in finding.advice


def test_where_others_run_the_parts_the_apis_own_port_is_no_trouble(
    tmp_path: Path, stub: StubApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal:7233")
    port = int(stub.url.rpartition(":")[2])
    found = list(check_machine(settings(tmp_path, api_port=port, database_url="postgresql://db/relance"), None))
    assert by_name(found)["stack"].state is State.NOTE
    assert not [finding for finding in found if finding.name.startswith("port") or finding.state is State.WRONG]


def test_a_secret_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("x\n")
    (tmp_path / "secret.key").chmod(0o644)
    finding = by_name(list(check_machine(settings(tmp_path), None)))["secret key"]
    assert finding.state is State.WRONG
    assert "chmod 600" in finding.advice


def test_a_lost_secret_key_beside_a_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    finding = by_name(list(check_machine(settings(tmp_path), None)))["secret key"]
    assert finding.state is State.WRONG
    assert "reconnect" in finding.advice


def test_a_data_directory_that_is_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = by_name(list(check_machine(settings(tmp_path, data_dir=tmp_path / "file" / "data"), None)))
    assert found["data directory"].state is State.WRONG


async def test_a_database_in_order_passes_every_check(database_url: str) -> None:
    found = by_name([finding async for finding in check_database(database_url)])
    # The tests' server gives up safety against a power cut for speed, and the doctor says so.
    assert [finding.name for finding in found.values() if finding.state is not State.OK] == ["durability"]
    looked_at = {"database", "clock", "schema", "application role", "tenants apart", "rights", "connections"}
    assert looked_at == found.keys() - {"durability"}


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        ("UPDATE alembic_version SET version_num = 'older'", "schema"),
        ("DROP TABLE alembic_version", "schema"),
        ("ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY", "tenants apart"),
        ("ALTER TABLE messages DISABLE ROW LEVEL SECURITY", "tenants apart"),
    ],
)
async def test_harm_to_the_schema_is_found(database_url: str, harm: str, name: str) -> None:
    found = by_name(await _after(database_url, harm))
    assert found[name].state is State.WRONG
    assert found[name].advice


def _elsewhere(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


async def _after(url: str, harm: str) -> list[Finding]:
    """What the doctor finds in a copy of the database that was harmed."""
    copy = "doctor_copy"
    engine = create_async_engine(_elsewhere(url, "template1"), isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)"))
            await connection.execute(text(f"CREATE DATABASE {copy}"))
    finally:
        await engine.dispose()
    target = _elsewhere(url, copy)
    await upgrade(target)
    harmed = create_async_engine(target)
    try:
        async with harmed.begin() as connection:
            await connection.execute(text(harm))
    finally:
        await harmed.dispose()
    return [finding async for finding in check_database(target)]


async def test_a_database_that_is_away_is_one_finding() -> None:
    url = f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/none"
    found = [finding async for finding in check_database(url)]
    assert [finding.state for finding in found] == [State.WRONG]
    assert "RELANCE_DATABASE_URL" in found[0].advice


async def test_temporal_without_workers_lacks_pollers_and_the_rate(temporal: WorkflowEnvironment) -> None:
    address = temporal.client.service_client.config.target_host
    namespace = "doctor-has-no-workers"
    found = by_name([finding async for finding in check_temporal({"target_host": address, "namespace": namespace})])
    assert found["Temporal"].state is State.WRONG
    assert "namespace" in found["Temporal"].advice


async def test_search_attributes_and_the_single_partition_are_seen(temporal: WorkflowEnvironment) -> None:
    address = temporal.client.service_client.config.target_host
    found = by_name([finding async for finding in check_temporal({"target_host": address, "namespace": "default"})])
    assert found["search attributes"].state is State.OK
    assert found["send queue partitions"].state is State.OK


async def test_temporal_that_is_away_is_one_finding() -> None:
    found = [finding async for finding in check_temporal({"target_host": f"127.0.0.1:{free_port()}"})]
    assert [finding.state for finding in found] == [State.WRONG]
    assert "TEMPORAL_ADDRESS" in found[0].advice


def test_an_api_that_is_not_ready_says_what_it_lacks(stub: StubApi) -> None:
    checks = [{"name": "database", "ok": True, "detail": ""}, {"name": "temporal", "ok": False, "detail": "away"}]
    stub.problem("GET", "/readyz", 503, "Not ready", checks=checks)
    (finding,) = check_api(stub.url)
    assert finding.state is State.WRONG
    assert "temporal: away" in finding.words
    assert "database" not in finding.words


def test_an_api_that_is_ready_is_fine(stub: StubApi) -> None:
    stub.on("GET", "/readyz", {"status": "ready", "checks": []})
    assert [finding.state for finding in check_api(stub.url)] == [State.OK]


def test_a_platform_that_refuses_for_lack_of_a_key_is_reachable(stub: StubApi, tmp_path: Path) -> None:
    stub.problem("GET", "/v1/devices", 401, "no key")
    given = settings(tmp_path, wassenger_url=stub.url)
    assert [finding.state for finding in check_platform(given, "")] == [State.OK]


def test_a_platform_that_is_away_or_broken_is_found(stub: StubApi, tmp_path: Path) -> None:
    stub.problem("GET", "/v1/devices", 502, "broken")
    assert [one.state for one in check_platform(settings(tmp_path, wassenger_url=stub.url), "")] == [State.WRONG]
    assert [one.state for one in check_platform(settings(tmp_path), "http://127.0.0.1:9")] == [State.WRONG]


def test_a_channel_whose_credentials_expired_is_found(stub: StubApi) -> None:
    id_ = "7e57ab1e-0000-4000-8000-000000000001"
    rows = [
        {"id": id_, "name": "A", "status": "active"},
        {"id": id_, "name": "B", "status": "credentials_expired", "status_reason": "The key was refused."},
        {"id": id_, "name": "C", "status": "paused"},
    ]
    stub.on("GET", "/api/channels", {"items": rows, "next_cursor": None})
    with Api(stub.url, "key") as api:
        found = by_name(list(check_channels(api)))
    assert found["channel B"].state is State.WRONG
    assert "reconnect" in found["channel B"].advice
    assert found["channel C"].state is State.NOTE
    assert found["channels"].words == "1 of 3 active"
