"""The campaign engine's tables, the role that the application acts as, and row-level security on all of them."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "2026_11_20_campaign_engine"
down_revision = None
branch_labels = None
depends_on = None

ROLE = "relance_app"
APPEND_ONLY = {"action_log"}
TENANT = "nullif(current_setting('relance.tenant', true), '')::uuid"
TABLES = (
    "api_keys", "channels", "contacts", "idempotent_answers", "suppressions", "campaigns", "channel_usage",
    "inbound_events", "deliveries", "enrollments", "imports", "action_log", "import_problems", "messages",
    "interactions",
)  # fmt: skip


def upgrade() -> None:
    """Makes the tables and closes them."""
    for statement in Path(__file__).with_name("campaign_engine.sql").read_text().split(";\n"):
        if statement.strip():
            op.execute(statement)
    _make_role()
    _protect("tenants", "id")
    for table in TABLES:
        _protect(table, "tenant_id")
    _open_lookups()
    _tune()


def _make_role() -> None:
    # A role belongs to the whole cluster: another database of it may be migrated at this very moment.
    op.execute(f"""
        DO $$ BEGIN
            CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
    """)
    is_superuser = op.get_bind().scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    if not is_superuser:
        op.execute(f"GRANT {ROLE} TO CURRENT_USER")
    op.execute(f"GRANT USAGE ON SCHEMA public TO {ROLE}")


def _protect(table: str, column: str) -> None:
    """Lets the application's role see and write only the rows of the tenant that the transaction is bound to."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    # Forced, so that even the owner of the tables is bound; only a superuser is not, and the application is none.
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON {table} USING ({column} = {TENANT}) WITH CHECK ({column} = {TENANT})")
    rights = "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"GRANT {rights} ON {table} TO {ROLE}")


def _open_lookups() -> None:
    """Three look-ups come before the tenant is known; each opens exactly the row that the caller can already name."""
    op.execute("""
        CREATE POLICY by_key ON api_keys FOR SELECT
        USING (encode(key_hash, 'hex') = nullif(current_setting('relance.api_key', true), ''))
    """)
    op.execute("""
        CREATE POLICY by_address ON channels FOR SELECT
        USING (id = nullif(current_setting('relance.channel', true), '')::uuid)
    """)
    op.execute("""
        CREATE POLICY every_tenant ON tenants FOR SELECT USING (current_setting('relance.scope', true) = 'tenants')
    """)


def _tune() -> None:
    # Rows here are updated several times within a minute of being written: room for HOT updates, early vacuum.
    for table in ("enrollments", "deliveries", "messages"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)")
    op.execute("ALTER TABLE channels SET (fillfactor = 20)")
