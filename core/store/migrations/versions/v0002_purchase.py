"""Keys that are bought from suppliers: a row a purchase, older than the call that makes it.

One purchase of a product at a time. ``nothing is bought twice`` stands on ``state``: a call goes out from state 0 alone.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE purchase(id INTEGER PRIMARY KEY, product TEXT NOT NULL, supplier TEXT NOT NULL, code TEXT NOT NULL,
 qty INTEGER NOT NULL CHECK(qty > 0), price TEXT NOT NULL, state INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
 next_at INTEGER NOT NULL, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, closed_at INTEGER, got INTEGER,
 batch INTEGER, remote TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT '', evidence TEXT NOT NULL DEFAULT '{}',
 by TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX ux_purchase_open ON purchase(product) WHERE closed_at IS NULL",
    "CREATE INDEX ix_purchase_product ON purchase(product, created_at)",
    "CREATE UNIQUE INDEX ux_purchase_batch ON purchase(batch) WHERE batch IS NOT NULL",
)


def upgrade() -> None:
    """Add the table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Not offered: a database is rolled back by restoring the copy that `keydesk migrate` keeps."""
    raise RuntimeError("restore the copy that was made before the migration")
