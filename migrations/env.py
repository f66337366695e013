"""The environment that Alembic runs migrations in."""

from alembic import context
from sqlalchemy import text
from sqlmodel import SQLModel

import db.tables  # noqa: F401  (registers every table)

# A migration that cannot get its lock soon gives up rather than queue every reader behind it; a statement that runs
# for minutes belongs in a batch.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "5min"


def run() -> None:
    """Upgrades over the connection that the caller hands in."""
    connection = context.config.attributes["connection"]
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    context.configure(connection=connection, target_metadata=SQLModel.metadata)
    with context.begin_transaction():
        context.run_migrations()


run()
