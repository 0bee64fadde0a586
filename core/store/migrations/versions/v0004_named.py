"""What came, went and failed by product and by channel, and who acted on which order: what the wall tells of a day.

Filled from what is stored of the last two days; from then on every transaction keeps them. ``quarter.at`` and ``deed.at``
are numbers of quarters of an hour and of hours since 1970, UTC; ``kind`` is 1 product, 2 channel.
"""

import time

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DAYS = 2
TABLES = (
    """CREATE TABLE quarter(at INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL, received INTEGER NOT NULL,
 delivered INTEGER NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY(at, kind, name)) WITHOUT ROWID""",
    """CREATE TABLE deed(at INTEGER NOT NULL, operator TEXT NOT NULL, order_id INTEGER NOT NULL, acts INTEGER NOT NULL,
 first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(at, operator, order_id)) WITHOUT ROWID""",
)
# Kinds of events and names of the machine as they are at this schema; they are stored, so they stand here as they are.
_SENT, _WRONG = 7, "(8, 9, 11)"
_MACHINE = "('buyer', 'catalogue', 'clock', 'core', 'desk', 'effects', 'gate', 'intake', 'platform', 'rules', 'stock')"
_ADD = (
    " ON CONFLICT(at, kind, name) DO UPDATE SET received = received + excluded.received, "
    "delivered = delivered + excluded.delivered, failed = failed + excluded.failed"
)
_QUARTER, _HOUR = 15 * 60_000_000, 60 * 60_000_000
_FROM_EVENTS = "FROM event e CROSS JOIN orders o ON o.id = e.order_id WHERE e.seq >= :seq AND e.at >= :since"
_SENDING = "i.id = e.body ->> '$.intent' AND i.effect = 1"
# Ids are times, so that those of the two days are a span of them.
FILLS = (
    f"INSERT INTO quarter SELECT received_at / {_QUARTER}, 1, product, count(*), 0, 0 FROM orders "
    f"WHERE id >= :id AND received_at >= :since GROUP BY 1, 3{_ADD}",
    f"INSERT INTO quarter SELECT e.at / {_QUARTER}, 1, o.product, 0, sum(e.kind = {_SENT}), sum(e.kind IN {_WRONG}) "
    f"{_FROM_EVENTS} AND (e.kind = {_SENT} OR e.kind IN {_WRONG}) GROUP BY 1, 3{_ADD}",
    f"INSERT INTO quarter SELECT created_at / {_QUARTER}, 2, via, count(*), 0, 0 FROM intent "
    f"WHERE id >= :id AND created_at >= :since AND effect = 1 GROUP BY 1, 3{_ADD}",
    f"INSERT INTO quarter SELECT e.at / {_QUARTER}, 2, i.via, 0, sum(e.kind = {_SENT}), sum(e.kind IN {_WRONG}) "
    f"FROM event e CROSS JOIN intent i ON {_SENDING} WHERE e.seq >= :seq AND e.at >= :since "
    f"AND (e.kind = {_SENT} OR e.kind IN {_WRONG}) GROUP BY 1, 3{_ADD}",
    f"INSERT INTO deed SELECT at / {_HOUR}, actor, order_id, count(*), min(at), max(at) FROM event WHERE seq >= :seq "
    f"AND at >= :since AND order_id <> 0 AND kind NOT IN {_WRONG} AND actor NOT IN {_MACHINE} GROUP BY 1, 2, 3",
)


def upgrade() -> None:
    """Add the tables, with the two days that they know."""
    for statement in TABLES:
        op.execute(statement)
    bind = op.get_bind()
    since = time.time_ns() // 1000 - DAYS * 24 * _HOUR
    at = {"since": since, "id": max(since // 1000 - 1_735_689_600_000, 0) << 22, "seq": _first_event(bind, since)}
    for statement in FILLS:
        bind.exec_driver_sql(statement, {name: value for name, value in at.items() if f":{name}" in statement})


def _first_event(bind: object, since: int) -> int:
    """The number of the first event of that time. Numbers ascend with time, and there is no index on time."""
    read = bind.exec_driver_sql  # type: ignore[attr-defined]
    low, high = 0, int(read("SELECT coalesce(max(seq), 0) + 1 FROM event").scalar())
    while low < high:
        middle = (low + high) // 2
        found = read("SELECT at FROM event WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)).scalar()
        low, high = (middle + 1, high) if found is not None and found < since else (low, middle)
    return low


def downgrade() -> None:
    """Not offered: a database is rolled back by restoring the copy that `keydesk migrate` keeps."""
    raise RuntimeError("restore the copy that was made before the migration")
