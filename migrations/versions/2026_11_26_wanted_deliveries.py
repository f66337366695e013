"""An index for a STOP: what is still wanted for one person, whatever the table holds."""

from alembic import op

revision = "2026_11_26_wanted_deliveries"
down_revision = "2026_11_26_idempotency_nonce"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes it. Messages that go out without a hold never enter it."""
    op.execute("""
        CREATE INDEX deliveries_wanted ON deliveries (tenant_id, contact_id) WHERE status IN ('held', 'queued')
    """)
