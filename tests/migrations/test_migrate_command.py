"""`python -m migrations` waits for a database that comes late, and says so in words when none comes."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import make_url

from migrations import __main__ as command
from tests.migrations.conftest import MakeDatabase
from tests.migrations.test_upgrade import differences, looked_at


@pytest.fixture
def late() -> Iterator[Path]:
    """Where the server's socket will lie one day; the path of a socket may not be long."""
    with TemporaryDirectory(prefix="late-") as name:
        yield Path(name) / "sockets"


async def test_a_database_that_comes_late_is_waited_for(empty_database: MakeDatabase, late: Path) -> None:
    url = make_url(await empty_database())
    sockets = str(url.query["host"])
    through = url.update_query_dict({"host": str(late)}).render_as_string(hide_password=False)
    migrating = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "migrations"),
        env={**os.environ, "RELANCE_DATABASE_URL": through},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert migrating.stderr is not None
    told = await asyncio.wait_for(migrating.stderr.readline(), 60)
    assert told.decode() == "The database does not answer yet: waiting for it, 5 minutes at most.\n"
    await asyncio.to_thread(late.symlink_to, sockets)
    said, complaints = await asyncio.wait_for(migrating.communicate(), 60)
    assert (migrating.returncode, complaints) == (0, b"")
    assert json.loads(said).keys() == {"bootstrap_api_key", "welcome_token"}
    assert await looked_at(url.render_as_string(hide_password=False), differences) == []


def test_a_database_that_does_not_come_ends_it_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], late: Path
) -> None:
    monkeypatch.setenv("RELANCE_DATABASE_URL", f"postgresql://postgres@/relance?host={late}")
    monkeypatch.setattr(command, "WAIT_SECONDS", 0.0)
    assert command.main() == 1
    assert "The database does not answer (FileNotFoundError): see RELANCE_DATABASE_URL." in capsys.readouterr().err
