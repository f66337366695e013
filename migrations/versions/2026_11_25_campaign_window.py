"""A send window of a campaign, and what of a contact's phone tells its time zones."""

from alembic import op

revision = "2026_11_25_campaign_window"
down_revision = "2026_11_25_campaign_samples"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; campaigns that are there have no window."""
    op.execute("ALTER TABLE campaigns ADD COLUMN send_window jsonb")
    op.execute("ALTER TABLE enrollments ADD COLUMN dial_prefix varchar")
