"""Making a data directory from a backup, with its sends held."""

import shutil
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cli.backup.contents import DUMP, Manifest, run_postgres_tool
from cli.stack.errors import StackError
from cli.stack.stack import running_stack
from db.engine import APPLICATION_ROLE
from db.installation import hold_sends
from settings import Settings


async def restore_backup(settings: Settings, folder: Path) -> None:
    """Fill a data directory that is empty or not there. Raises StackError in words."""
    if settings.database_url is not None:
        raise StackError("RELANCE_DATABASE_URL names a database of your own: restore it with its own tools")
    manifest = Manifest.read(folder)
    data_dir = settings.data_dir
    if data_dir.exists() and any(data_dir.iterdir()):
        raise StackError(f"{data_dir} is not empty: set RELANCE_DATA_DIR to a new one, or move the old one away")
    async with running_stack(settings, ("postgres",)) as stack:
        url = stack.addresses.database
        engine = create_async_engine(url, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                # A dump holds no roles, and its grants need this one.
                await connection.execute(text(f"CREATE ROLE {APPLICATION_ROLE} NOLOGIN"))
            await run_postgres_tool("pg_restore", url, "--exit-on-error", "--no-owner", str(folder / DUMP))
            async with engine.begin() as connection:
                await hold_sends(connection, "relance restore", f"restored from the backup of {manifest.taken_at}")
        finally:
            await engine.dispose()
    for name in manifest.files:
        if name != DUMP:
            shutil.copy2(folder / name, data_dir / name)
