"""The scripts of deploy/ do what they say, on a real PostgreSQL and a real Temporal."""

import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy import make_url
from temporalio.testing import WorkflowEnvironment

from cli.doctor.database import check_database
from cli.doctor.findings import State
from cli.doctor.temporal import check_temporal
from cli.stack import pgfiles
from cli.stack.postgres import running_postgres
from cli.stack.temporal import temporal_program
from db.engine import Database
from db.installation import hold_if_moved
from migrations.upgrade import upgrade

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


async def script(name: str, **environment: str) -> None:
    """Runs it with the programs of PostgreSQL and Temporal on its path."""
    path = os.pathsep.join([str(pgfiles.installation() / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        str(DEPLOY / name),
        env={**os.environ, "PATH": path, **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 90) == 0


async def test_the_login_that_is_made_can_migrate_and_finds_nothing_wrong(session_dir: Path) -> None:
    async with running_postgres(session_dir / "logins", fast=True) as url:
        sockets = str(make_url(url).query["host"])
        # The test's own server has a database of this name already.
        await psql(sockets, "ALTER DATABASE relance RENAME TO other")
        passwords = {"RELANCE_DB_PASSWORD": "it's one", "TEMPORAL_DB_PASSWORD": "another"}
        await script("postgres/logins.sh", PGHOST=sockets, **passwords)
        owner = str(make_url(url).set(username="relance"))

        await upgrade(owner)

        found = [finding async for finding in check_database(owner)]
        wrong = {finding.name for finding in found if finding.state is State.WRONG}
        assert wrong == {"durability"}, "the tests' server gives up safety against a power cut"
        database = Database.connect(owner, pool_size=1)
        assert await hold_if_moved(database) is False, "a login that is no superuser can tell where it is"
        await database.close()
        await psql(sockets, "ALTER DATABASE other RENAME TO elsewhere")


async def psql(sockets: str, statement: str) -> None:
    program = str(pgfiles.installation() / "bin" / "psql")
    arguments = ("--host", sockets, "--username", "postgres", "--dbname", "template1", "--command", statement)
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


async def test_the_namespace_is_made_with_its_search_attributes_and_again_changes_nothing(
    temporal: WorkflowEnvironment,
) -> None:
    address, namespace = temporal.client.service_client.config.target_host, "made-by-the-script"
    assert Path(temporal_program()).parent == Path(sys.executable).parent
    for _ in range(2):
        await script("temporal/namespace.sh", TEMPORAL_ADDRESS=address, TEMPORAL_NAMESPACE=namespace)
    found = [one async for one in check_temporal({"target_host": address, "namespace": namespace})]
    [attributes] = [finding for finding in found if finding.name == "search attributes"]
    assert attributes.state is State.OK
