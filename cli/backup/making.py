"""Making a backup of the embedded stack."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cli.backup.contents import DUMP, KEYS, TEMPORAL, Manifest, run_postgres_tool
from cli.database import reachable_database
from cli.stack.errors import StackError
from settings import Settings


async def make_backup(settings: Settings, folder: Path) -> Manifest:
    """Copy everything into `folder`, which must be new or empty. Raises StackError in words."""
    await asyncio.to_thread(_prepare, settings, folder)
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    files = []
    async with reachable_database(settings) as url:
        # Temporal first: a workflow that is older than the ledger asks it again and is told what went out already.
        # The other way round the ledger would not know of messages that are gone.
        if (settings.data_dir / TEMPORAL).exists():
            await asyncio.to_thread(copy_sqlite, settings.data_dir / TEMPORAL, folder / TEMPORAL)
            files.append(TEMPORAL)
        await run_postgres_tool("pg_dump", url, "--format", "custom", "--file", str(folder / DUMP))
        files.append(DUMP)
        revision = await _revision(url)
    for name in KEYS:
        if (settings.data_dir / name).exists():
            shutil.copy2(settings.data_dir / name, folder / name)
            files.append(name)
    for name in files:
        (folder / name).chmod(0o600)
    manifest = Manifest(taken_at, revision, files)
    manifest.write(folder)
    return manifest


def _prepare(settings: Settings, folder: Path) -> None:
    if settings.database_url is not None:
        raise StackError("RELANCE_DATABASE_URL names a database of your own: back it up with its own tools (pg_dump)")
    if folder.exists() and any(folder.iterdir()):
        raise StackError(f"{folder} is not empty: name a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy of an SQLite file that another process may be writing."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)


async def _revision(url: str) -> str:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one())
    finally:
        await engine.dispose()
