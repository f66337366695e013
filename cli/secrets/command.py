"""`relance secrets …`: makes a key, and puts stored credentials under the first of the keys in force."""

import asyncio

import typer
from cryptography.fernet import Fernet

from cli.connection import AsJson
from cli.database import reachable_database
from cli.output import print_facts, print_json
from cli.stack.errors import StackError
from cli.words import in_words
from db.away import DATABASE_ERRORS
from db.engine import Database
from db.rotation import Rotation, reseal_all
from db.secrets import SecretBox
from settings import Settings, fernet_keys, load_settings

family = typer.Typer(no_args_is_help=True, help="The keys that protect stored credentials.")


def register(app: typer.Typer) -> None:
    """Add the family."""
    app.add_typer(family, name="secrets")


@family.command("new-key")
def new_key() -> None:
    """Print a new key, to be put first in RELANCE_SECRET_KEYS or on the first line of <data dir>/secret.key."""
    print(Fernet.generate_key().decode())


@family.command()
def rotate(as_json: AsJson = False) -> None:
    """Write every stored secret anew under the first key. Afterwards the others may be dropped; status 1 if not."""
    with in_words():
        done = asyncio.run(_rotate(load_settings()))
    if as_json:
        print_json({"resealed": done.resealed, "current": done.current, "unreadable": done.unreadable})
    else:
        print_facts({"written anew": done.resealed, "under the first key already": done.current})
        for channel in done.unreadable:
            print(f"channel {channel} opens with none of the keys: relance channel reconnect {channel} --device-id …")
    raise typer.Exit(1 if done.unreadable else 0)


async def _rotate(settings: Settings) -> Rotation:
    if settings.secret_keys is None and not (settings.data_dir / "secret.key").exists():
        raise StackError("no key: set RELANCE_SECRET_KEYS, or RELANCE_DATA_DIR to where secret.key is")
    async with reachable_database(settings) as url:
        database = Database.connect(url, pool_size=1)
        try:
            return await reseal_all(database, SecretBox(fernet_keys(settings)))
        except DATABASE_ERRORS as error:
            raise StackError(f"the database does not answer ({type(error).__name__}): start it, then repeat") from error
        finally:
            await database.close()
