"""The embedded PostgreSQL: private, with pgvector, and back after any kill with what was committed."""

import asyncio
import os
import stat
from pathlib import Path
from signal import SIGKILL

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from cli.stack.pgfiles import SOCKET_PATH_LIMIT, socket_directory
from cli.stack.postgres import Postgres, processes_of, running_postgres, wait_ready
from cli.stack.process import spawn, stop


async def query(url: str, sql: str) -> object:
    """The single value of a query, in a connection of its own."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            result = await connection.execute(text(sql))
            return result.scalar() if result.returns_rows else None
    finally:
        await engine.dispose()


async def test_it_is_postgresql_18_with_pgvector(place: Path) -> None:
    async with running_postgres(place, fast=True) as url:
        await query(url, "CREATE EXTENSION vector")
        assert await query(url, "SELECT '[3,4]'::vector <-> '[0,0]'::vector") == 5
        assert str(await query(url, "SHOW server_version")).startswith("18")


async def test_only_its_owner_can_reach_the_socket_and_it_listens_on_no_port(place: Path) -> None:
    async with running_postgres(place, fast=True) as url:
        assert await query(url, "SHOW listen_addresses") == ""
        assert stat.S_IMODE(socket_directory(place / "postgres").stat().st_mode) == 0o700


async def test_committed_rows_survive_a_kill_while_clients_are_connected(place: Path) -> None:
    server = Postgres(place, fast=True)
    await server.prepare()
    first = await spawn(server.command())
    await wait_ready(server, first)
    await query(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    client = await asyncpg.connect(host=str(server.sockets), user="postgres", database="relance")
    os.kill(first.pid, SIGKILL)
    await first.ended()

    await server.prepare()
    second = await spawn(server.command())
    try:
        await wait_ready(server, second)
        assert await query(server.url, "SELECT answer FROM kept") == 42
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await client.fetchval("SELECT 1")
    finally:
        client.terminate()
        await stop(second)


async def test_stopping_leaves_no_process_behind(place: Path) -> None:
    async with running_postgres(place, fast=True):
        assert len(processes_of(place / "postgres")) > 1
    assert processes_of(place / "postgres") == []


async def test_a_server_that_an_earlier_run_left_behind_is_stopped_first(place: Path) -> None:
    left = Postgres(place, fast=True)
    await left.prepare()
    child = await spawn(left.command())
    await wait_ready(left, child)
    for process in processes_of(place / "postgres"):
        if process.ppid() == child.pid:  # what stays behind when only the postmaster dies
            process.suspend()
    os.kill(child.pid, SIGKILL)
    await child.ended()
    async with running_postgres(place, fast=True) as url:
        assert await query(url, "SELECT 1") == 1


async def test_files_of_an_interrupted_first_start_are_made_anew(place: Path) -> None:
    half = place / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with running_postgres(place, fast=True) as url:
        assert await query(url, "SELECT 1") == 1
    assert not half.exists()


def test_a_deep_data_directory_gets_a_short_socket_path(place: Path) -> None:
    deep = place / ("x" * 60) / ("y" * 60) / "postgres"
    assert len(str(socket_directory(deep) / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT
    assert socket_directory(deep) != socket_directory(deep.with_name("other"))


async def test_two_servers_stand_side_by_side(place: Path) -> None:
    async with running_postgres(place / "a", fast=True) as one, running_postgres(place / "b", fast=True) as two:
        await query(one, "CREATE TABLE mine (id int)")
        assert await query(two, "SELECT to_regclass('mine')::text") is None


def test_the_helper_names_no_foreign_process(place: Path) -> None:
    assert psutil.Process(os.getpid()) not in processes_of(place)


async def test_it_says_so_when_the_server_cannot_start(place: Path) -> None:
    async with running_postgres(place, fast=True):
        pass
    (place / "postgres" / "postgresql.conf").write_text("nonsense = on\n")
    with pytest.raises(Exception, match=r"postgres\.log; its last words"):
        async with asyncio.timeout(30), running_postgres(place, fast=True):
            pass
