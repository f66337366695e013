"""The database that a command works on directly: the one of the settings, else this machine's embedded one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cli.stack.errors import StackError
from cli.stack.stack import running_stack
from cli.stack.state import read_state
from settings import Settings


def known_database(settings: Settings) -> str:
    """SQLAlchemy URL of the database that is there, or an empty text."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    state = read_state(settings.data_dir)
    return state.addresses.database if state is not None and state.running else ""


@asynccontextmanager
async def reachable_database(settings: Settings) -> AsyncIterator[str]:
    """The database while the block runs; an embedded one that is stopped is started for as long, and nothing else.

    Raises StackError where there is none.
    """
    if url := known_database(settings):
        yield url
        return
    if not (settings.data_dir / "postgres").exists():
        raise StackError(
            f"no database: set RELANCE_DATABASE_URL, or RELANCE_DATA_DIR to where one is ({settings.data_dir} has none)"
        )
    async with running_stack(settings, ("postgres",)) as stack:
        yield stack.addresses.database
