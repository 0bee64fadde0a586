"""How much waited, and how much of it was late, by shop and time: what the wall's history shows.

``span``: minutes of a row (1, 15 or 60), ``at``: its number since 1970, UTC. What came and went is in ``minute`` already.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENT = """CREATE TABLE level(span INTEGER NOT NULL, at INTEGER NOT NULL, shop INTEGER NOT NULL, backlog INTEGER NOT NULL,
 late INTEGER NOT NULL, PRIMARY KEY(span, at, shop)) WITHOUT ROWID"""


def upgrade() -> None:
    """Add the table; nothing of before is known."""
    op.execute(STATEMENT)


def downgrade() -> None:
    """Not offered: a database is rolled back by restoring the copy that `keydesk migrate` keeps."""
    raise RuntimeError("restore the copy that was made before the migration")
