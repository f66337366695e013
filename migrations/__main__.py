"""`python -m migrations`: brings the schema up to date, makes the first tenant, and prints what it made."""

import asyncio
import json
import sys

from db.away import DATABASE_ERRORS, is_away, once_there
from db.bootstrap import make_first_link, make_first_tenant
from db.engine import Database
from db.installation import hold_if_moved
from migrations.upgrade import upgrade
from settings import SettingsError, load_settings

WAIT_SECONDS = 300.0
"""For a database that comes up later than this; after a boot, what depends on a failed migration is not started."""


async def migrate() -> dict[str, str]:
    """Upgrades, makes the first tenant when there is none, and returns the secrets that were made up here: the owner's
    API key, and the token of the link for the first sign-in."""
    settings = load_settings()
    if settings.database_url is None:
        raise SettingsError("RELANCE_DATABASE_URL is not set: say which database to upgrade, or use `relance up`.")
    url = settings.database_url.get_secret_value()
    await once_there(lambda: upgrade(url), _tell_away, within=WAIT_SECONDS)
    database = Database.connect(url, pool_size=1)
    given = settings.bootstrap_api_key.get_secret_value() if settings.bootstrap_api_key else None
    try:
        if await hold_if_moved(database):
            sys.stderr.write("Sends are held until `relance sends confirm`; `relance sends status` says why.\n")
        key = await make_first_tenant(database, given_key=given, default_region=settings.default_region)
        made = {"bootstrap_api_key": key, "welcome_token": await make_first_link(database)}
        return {name: secret for name, secret in made.items() if secret is not None}
    finally:
        await database.close()


def _tell_away() -> None:
    sys.stderr.write(f"The database does not answer yet: waiting for it, {WAIT_SECONDS / 60:.0f} minutes at most.\n")


def main() -> int:
    """The command; 1 when the database does not come, 2 when the environment cannot be used."""
    try:
        made = asyncio.run(migrate())
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except DATABASE_ERRORS as error:
        if not is_away(error):
            raise
        sys.stderr.write(f"The database does not answer ({type(error).__name__}): see RELANCE_DATABASE_URL.\n")
        return 1
    if made:
        sys.stdout.write(json.dumps(made) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
