"""How a campaign went over time: its delay and error rate whenever its workflow wrote its state, and who reads what."""

from alembic import op

revision = "2026_11_25_campaign_samples"
down_revision = "2026_11_25_people"
branch_labels = None
depends_on = None

ROLE = "relance_app"
TENANT = "nullif(current_setting('relance.tenant', true), '')::uuid"


def upgrade() -> None:
    """Makes the table and closes it, and the indexes of what the pages read."""
    op.execute("""
        CREATE TABLE campaign_samples (
            tenant_id UUID NOT NULL,
            campaign_id UUID NOT NULL,
            at timestamptz DEFAULT now() NOT NULL,
            status VARCHAR NOT NULL,
            delay_seconds FLOAT NOT NULL,
            error_rate FLOAT,
            CONSTRAINT campaign_samples_pkey PRIMARY KEY (tenant_id, campaign_id, at),
            CONSTRAINT campaign_samples_tenant_id_campaign_id_fkey FOREIGN KEY(tenant_id, campaign_id)
                REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE,
            CONSTRAINT campaign_samples_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
        )
    """)
    op.execute("ALTER TABLE campaign_samples ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE campaign_samples FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY own_rows ON campaign_samples USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON campaign_samples TO {ROLE}")
    _indexes()


def _indexes() -> None:
    """The tenant comes first: row-level security then looks at an index's range once and not at each row, and what
    pages count is answered from the index alone."""
    op.execute("DROP INDEX enrollments_counts")
    op.execute("""
        CREATE INDEX enrollments_counts ON enrollments
        (tenant_id, campaign_id, status, held, outcome, message_2_status, replied_at)
    """)
    op.execute("DROP INDEX enrollments_recent")
    op.execute("CREATE INDEX enrollments_recent ON enrollments (tenant_id, campaign_id, message_1_at)")
    op.execute(
        "CREATE INDEX action_log_campaign ON action_log (tenant_id, campaign_id, id) WHERE campaign_id IS NOT NULL"
    )
