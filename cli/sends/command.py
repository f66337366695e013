"""`relance sends …`: holds every send of the installation, and lets them go once a person has confirmed."""

import asyncio
import getpass
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from cli.connection import AsJson
from cli.database import known_database, reachable_database
from cli.output import print_facts, print_json
from cli.sends.releasing import release_held
from cli.stack.errors import StackError
from cli.words import in_words, say
from db.away import DATABASE_ERRORS
from db.installation import SendsHold, allow_sends, hold_sends, read_hold
from settings import Settings, load_settings

family = typer.Typer(no_args_is_help=True, help="Hold every send of this installation, and let them go.")


def register(app: typer.Typer) -> None:
    """Add the family."""
    app.add_typer(family, name="sends")


@family.command()
def status(as_json: AsJson = False) -> None:
    """Say whether sends are held, since when, by whom and why."""
    with in_words():
        _show(asyncio.run(_status(load_settings())), as_json=as_json)


@family.command()
def hold(
    why: Annotated[str, typer.Option("--why", help="The reason, shown to whoever asks for the status.")],
    as_json: AsJson = False,
) -> None:
    """Hold every send: nothing reaches a platform until `relance sends confirm`."""
    with in_words():
        _show(asyncio.run(_hold(load_settings(), why)), as_json=as_json)


@family.command()
def confirm(as_json: AsJson = False) -> None:
    """Let sends go again, and with them all that was held. May be repeated."""
    with in_words():
        settings = load_settings()
        found = asyncio.run(_confirm(settings))
        _show(found, as_json=as_json)


async def _status(settings: Settings) -> SendsHold:
    async with _owner(settings) as connection:
        return await read_hold(connection)


async def _hold(settings: Settings, why: str) -> SendsHold:
    async with _owner(settings) as connection:
        await hold_sends(connection, f"{getpass.getuser()}@{socket.gethostname()}", why)
        return await read_hold(connection)


async def _confirm(settings: Settings) -> SendsHold:
    async with _owner(settings) as connection:
        await allow_sends(connection)
        now = await read_hold(connection)
    # Only when the commit is through do released deliveries find the gate open.
    if url := known_database(settings):
        await release_held(settings, url)
    else:
        say("the stack is not running: repeat `relance sends confirm` while it does, so that what was held goes on")
    return now


@asynccontextmanager
async def _owner(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A transaction as the login of the database's address, which owns the schema."""
    async with reachable_database(settings) as url:
        engine = create_async_engine(url, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                yield connection
        except DATABASE_ERRORS as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[:1] or [type(error).__name__]
            raise StackError(
                f"the database refused ({reason[0]}): it must answer, be migrated (`python -m migrations`) and be "
                f"named with the login that owns its tables"
            ) from error
        finally:
            await engine.dispose()


def _show(found: SendsHold, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    facts: dict[str, object] = {"sends": "held" if found.held else "allowed"}
    facts |= {"since": found.at, "by": found.by, "why": found.why}
    if found.moved:
        facts["note"] = "this database is not the one that sends were last allowed on; the next start holds them"
    print_facts(facts)
