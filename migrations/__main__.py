"""`python -m migrations`: brings the schema up to date, makes the first tenant, and prints what it made."""

import asyncio
import json
import sys

from db.bootstrap import make_first_link, make_first_tenant
from db.engine import Database
from db.installation import hold_if_moved
from migrations.upgrade import upgrade
from settings import SettingsError, load_settings


async def migrate() -> dict[str, str]:
    """Upgrades, makes the first tenant when there is none, and returns the secrets that were made up here: the owner's
    API key, and the token of the link for the first sign-in."""
    settings = load_settings()
    if settings.database_url is None:
        raise SettingsError("RELANCE_DATABASE_URL is not set: say which database to upgrade, or use `relance up`.")
    url = settings.database_url.get_secret_value()
    await upgrade(url)
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


def main() -> int:
    """The command; 2 when the environment cannot be used."""
    try:
        made = asyncio.run(migrate())
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if made:
        sys.stdout.write(json.dumps(made) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
