"""`python -m migrations`: brings the schema up to date, makes the first tenant, and prints its key when it made one."""

import asyncio
import json
import sys

from db.bootstrap import make_first_tenant
from db.engine import Database
from db.installation import hold_if_moved
from migrations.upgrade import upgrade
from settings import SettingsError, load_settings


async def migrate() -> str | None:
    """Upgrades, makes the first tenant when there is none, and returns its owner's key if it was made up here."""
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
        return await make_first_tenant(database, given_key=given, default_region=settings.default_region)
    finally:
        await database.close()


def main() -> int:
    """The command; 2 when the environment cannot be used."""
    try:
        key = asyncio.run(migrate())
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if key is not None:
        sys.stdout.write(json.dumps({"bootstrap_api_key": key}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
