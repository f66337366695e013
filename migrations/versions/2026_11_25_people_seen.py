"""When a person was last here: kept with the person, since sessions go when they end."""

from alembic import op

revision = "2026_11_25_people_seen"
down_revision = "2026_11_25_variants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the time, and takes over what sessions know."""
    op.execute("ALTER TABLE users ADD COLUMN seen_at timestamptz")
    op.execute("""
        UPDATE users SET seen_at = latest.seen_at
        FROM (SELECT user_id, max(seen_at) AS seen_at FROM user_sessions GROUP BY user_id) AS latest
        WHERE latest.user_id = users.id
    """)
