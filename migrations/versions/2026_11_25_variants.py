"""Variants of Message 1, and which of them a contact has."""

from alembic import op

revision = "2026_11_25_variants"
down_revision = "2026_11_25_campaign_window"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; campaigns that are there have no variants."""
    op.execute("ALTER TABLE campaigns ADD COLUMN variants jsonb DEFAULT '[]' NOT NULL")
    op.execute("ALTER TABLE campaigns ADD COLUMN variants_given integer DEFAULT 0 NOT NULL")
    op.execute("ALTER TABLE enrollments ADD COLUMN variant smallint")
