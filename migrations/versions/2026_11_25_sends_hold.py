"""The installation's one row, with the switch that holds all sends, and how a restored database sets it."""

from alembic import op

revision = "2026_11_25_sends_hold"
down_revision = "2026_11_20_campaign_engine"
branch_labels = None
depends_on = None

ROLE = "relance_app"


def upgrade() -> None:
    """Makes the row for the database that it is on now."""
    op.execute("""
        CREATE TABLE installation (
            id SMALLINT NOT NULL,
            identity VARCHAR NOT NULL,
            sends_held BOOLEAN DEFAULT false NOT NULL,
            held_at timestamptz,
            held_by VARCHAR,
            held_why VARCHAR,
            CONSTRAINT installation_pkey PRIMARY KEY (id),
            CONSTRAINT installation_one_row CHECK (id = 1)
        )
    """)
    _identity()
    _notice()
    op.execute("INSERT INTO installation (id, identity) VALUES (1, relance_identity())")
    op.execute(f"GRANT SELECT ON installation TO {ROLE}")


def _identity() -> None:
    # The timeline is read from the log's present position: the control file learns of a promotion only at the next
    # checkpoint. A dump that is restored gets another cluster or another database, a promoted base backup another
    # timeline; a restart changes none of them.
    op.execute("""
        CREATE FUNCTION relance_identity() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
            SELECT concat_ws('/',
                (SELECT system_identifier FROM pg_control_system()),
                left(pg_walfile_name(pg_current_wal_lsn()), 8),
                (SELECT oid FROM pg_database WHERE datname = current_database()))
        $$
    """)


def _notice() -> None:
    # The application may not write the table; through this function it can set the hold, and never end one.
    op.execute("""
        CREATE FUNCTION hold_sends_if_moved() RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER
        SET search_path = pg_catalog, public AS $$
            UPDATE public.installation
            SET sends_held = true, held_at = clock_timestamp(), held_by = 'Relance',
                held_why = 'this database is a copy: it was restored, promoted or moved since sends were last allowed'
            WHERE identity <> public.relance_identity() AND NOT sends_held;
            SELECT sends_held FROM public.installation
        $$
    """)
    op.execute("REVOKE EXECUTE ON FUNCTION hold_sends_if_moved() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION hold_sends_if_moved() TO {ROLE}")
