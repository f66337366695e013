"""People who sign in to the pages: users, their sessions, their links, and failed attempts."""

from alembic import op

revision = "2026_11_25_people"
down_revision = "2026_11_25_sends_hold"
branch_labels = None
depends_on = None

ROLE = "relance_app"
TENANT = "nullif(current_setting('relance.tenant', true), '')::uuid"


def upgrade() -> None:
    """Makes the tables and closes them."""
    _users()
    _sessions()
    _links()
    _attempts()
    for table in ("users", "user_sessions", "sign_in_links"):
        _protect(table)
    # Three look-ups come before the tenant is known; each opens exactly the row that the caller can already name.
    hashed = "encode(sha256(convert_to(email, 'UTF8')), 'hex')"
    _open("users", "by_email", f"{hashed} = nullif(current_setting('relance.email', true), '')")
    for table in ("user_sessions", "sign_in_links"):
        _open(table, "by_token", "encode(token_hash, 'hex') = nullif(current_setting('relance.token', true), '')")


def _users() -> None:
    op.execute("""
        CREATE TABLE users (
            id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            email VARCHAR,
            name VARCHAR NOT NULL,
            role VARCHAR NOT NULL,
            language VARCHAR,
            password_hash VARCHAR,
            created_at timestamptz DEFAULT now() NOT NULL,
            disabled_at timestamptz,
            CONSTRAINT users_pkey PRIMARY KEY (id),
            CONSTRAINT users_tenant_id_id_key UNIQUE (tenant_id, id),
            CONSTRAINT users_email_key UNIQUE (email),
            CONSTRAINT users_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
        )
    """)
    op.execute("CREATE INDEX users_listing ON users (tenant_id, created_at, id)")


def _sessions() -> None:
    op.execute("""
        CREATE TABLE user_sessions (
            id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            user_id UUID NOT NULL,
            token_hash BYTEA NOT NULL,
            csrf_token VARCHAR NOT NULL,
            browser VARCHAR,
            created_at timestamptz DEFAULT now() NOT NULL,
            seen_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT user_sessions_pkey PRIMARY KEY (id),
            CONSTRAINT user_sessions_token_hash_key UNIQUE (token_hash),
            CONSTRAINT user_sessions_tenant_id_user_id_fkey FOREIGN KEY(tenant_id, user_id)
                REFERENCES users (tenant_id, id) ON DELETE CASCADE,
            CONSTRAINT user_sessions_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
        )
    """)
    op.execute("CREATE INDEX user_sessions_user ON user_sessions (tenant_id, user_id)")


def _links() -> None:
    op.execute("""
        CREATE TABLE sign_in_links (
            id UUID NOT NULL,
            tenant_id UUID NOT NULL,
            user_id UUID NOT NULL,
            token_hash BYTEA NOT NULL,
            created_at timestamptz DEFAULT now() NOT NULL,
            expires_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT sign_in_links_pkey PRIMARY KEY (id),
            CONSTRAINT sign_in_links_token_hash_key UNIQUE (token_hash),
            CONSTRAINT sign_in_links_tenant_id_user_id_fkey FOREIGN KEY(tenant_id, user_id)
                REFERENCES users (tenant_id, id) ON DELETE CASCADE,
            CONSTRAINT sign_in_links_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
        )
    """)
    op.execute("CREATE INDEX sign_in_links_user ON sign_in_links (tenant_id, user_id)")


def _attempts() -> None:
    op.execute("""
        CREATE TABLE sign_in_attempts (
            subject BYTEA NOT NULL,
            failures INTEGER DEFAULT 0 NOT NULL,
            failed_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (subject)
        )
    """)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO {ROLE}")


def _protect(table: str) -> None:
    """Lets the application's role see and write only the rows of the tenant that the transaction is bound to."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON {table} USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {ROLE}")


def _open(table: str, policy: str, condition: str) -> None:
    op.execute(f"CREATE POLICY {policy} ON {table} FOR SELECT USING ({condition})")
