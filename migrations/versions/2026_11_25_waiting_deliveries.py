"""An index for the list of held and unknown messages: newest first, however many there are."""

from alembic import op

revision = "2026_11_25_waiting_deliveries"
down_revision = "2026_11_25_people_seen"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes it. Messages that go out without a hold never enter it."""
    op.execute("""
        CREATE INDEX deliveries_waiting ON deliveries (tenant_id, status, created_at, id)
        WHERE status IN ('held', 'unknown')
    """)
