"""When a receipt said that a message failed after the platform had taken it, and an index of those."""

from alembic import op

revision = "2026_11_26_failures_told"
down_revision = "2026_11_26_wanted_deliveries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds both; of messages that are there nothing of the kind is known."""
    op.execute("ALTER TABLE deliveries ADD COLUMN failure_told_at timestamptz")
    op.execute("""
        CREATE INDEX deliveries_failures_told ON deliveries (campaign_id, failure_told_at)
        WHERE failure_told_at IS NOT NULL
    """)
