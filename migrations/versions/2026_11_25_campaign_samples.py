"""How a campaign went over time: its delay and error rate whenever its workflow wrote its state, and who reads what."""

from alembic import op

revision = "2026_11_25_campaign_samples"
down_revision = "2026_11_25_people"
branch_labels = None
depends_on = None

ROLE = "relance_app"
TENANT = "nullif(current_setting('relance.tenant', true), '')::uuid"


def upgrade() -> None:
    """Makes the table and closes it, and an index for the last events of a campaign."""
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
    op.execute(
        "CREATE INDEX action_log_campaign ON action_log (tenant_id, campaign_id, id) WHERE campaign_id IS NOT NULL"
    )
