"""`relance people …`: a fresh sign-in link for somebody who cannot get in, straight from the database."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.connection import AsJson
from cli.database import reachable_database
from cli.output import print_facts, print_json
from cli.stack.errors import StackError
from cli.words import in_words
from db.away import DATABASE_ERRORS
from db.bootstrap import oldest_tenant
from db.engine import Database
from db.people import find_owner, find_user, make_link
from db.tables import User
from domain.sign_in import LINK_LASTS
from settings import Settings, load_settings

family = typer.Typer(no_args_is_help=True, help="Let people in who cannot get in.")

Email = Annotated[
    str | None, typer.Option(help="Whose link; default: the first owner of the oldest tenant who is not disabled.")
]


@family.callback()
def people() -> None:
    """Keep `people` a group of commands, however many there are."""


def register(app: typer.Typer) -> None:
    """Add the family."""
    app.add_typer(family, name="people")


@dataclass(frozen=True, slots=True)
class Fresh:
    """A link, and who may choose a password with it."""

    name: str
    email: str | None
    role: str
    link: str
    until: datetime


@family.command()
def link(email: Email = None, as_json: AsJson = False) -> None:
    """Print a fresh link to choose a password with: it works once, for three days, and ends the links before it."""
    with in_words():
        fresh = asyncio.run(_link(load_settings(), email))
    shown: dict[str, object] = {
        "name": fresh.name,
        "email": fresh.email,
        "role": fresh.role,
        "link": fresh.link,
        "until": fresh.until.isoformat(timespec="minutes"),
    }
    (print_json if as_json else print_facts)(shown)


async def _link(settings: Settings, email: str | None) -> Fresh:
    async with reachable_database(settings) as url:
        database = Database.connect(url, pool_size=1)
        try:
            user = await (_named(database, email) if email is not None else _first_owner(database))
            now = datetime.now(UTC)
            async with database.tenant(user.tenant_id) as session:
                token = await make_link(session, user, now)
        except DATABASE_ERRORS as error:
            raise StackError(f"the database does not answer ({type(error).__name__}): start it, then repeat") from error
        finally:
            await database.close()
    return Fresh(user.name, user.email, user.role, f"{settings.public_url}/welcome/{token}", now + LINK_LASTS)


async def _named(database: Database, email: str) -> User:
    user = await find_user(database, email)
    if user is None:
        raise StackError(f"nobody signs in with {email}: give the address as it stands under Settings, People")
    if user.disabled_at is not None:
        raise StackError(f"{email} is disabled: an administrator enables them under Settings, People")
    return user


async def _first_owner(database: Database) -> User:
    tenant = await oldest_tenant(database)
    if tenant is None:
        raise StackError("there is no tenant yet: `relance up` makes the first one and prints its owner's link")
    async with database.tenant(tenant.id) as session:
        owner = await find_owner(session)
    if owner is None:
        raise StackError("no owner of the first tenant may sign in: name a person with --email")
    return owner
