"""What tells a request from an equal one that came a day earlier under the same key."""

from alembic import op

revision = "2026_11_26_idempotency_nonce"
down_revision = "2026_11_25_waiting_deliveries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column, without a default: a claim that an older process takes has to stay without a nonce, so that a
    newer one that takes it up after a crash finds what was made under the id of that version."""
    op.execute("ALTER TABLE idempotent_answers ADD COLUMN nonce uuid")
