"""The statements by which the wall reads single orders.

The tables have no index on time; ids and the numbers of events ascend with it, so the day is a span of them, and never
more than ``SAMPLE`` orders of it are read.
"""

from typing import Final

from core.model.actors import MACHINE_SQL
from core.model.effects import Effect
from core.model.lifecycle import WRONG, EventKind, IntentState

SAMPLE: Final = 5_000  # newest orders of the day, as many finished ones, and as many sends
EVENTS: Final = 10 * SAMPLE  # newest events among which the finished are looked for
QUEUE: Final = 20_000  # most urgent unfinished orders; the same bound as a window of a filtered view

_COLUMNS = "o.id, o.shop, o.product, o.stage, o.created_at, o.paid_at, o.received_at, o.delivered_at, o.deadline"
ORDERS_SQL: Final = f"SELECT {_COLUMNS} FROM orders o WHERE o.id >= ? ORDER BY o.id DESC LIMIT {SAMPLE}"
# Where the walk over the events begins; no row when there are fewer.
WALK_SQL: Final = f"SELECT seq, at FROM event ORDER BY seq DESC LIMIT 1 OFFSET {EVENTS}"
# Sent again is not delivered again: an order counts by the time of its first delivery.
FINISHED_SQL: Final = (
    f"SELECT {_COLUMNS} FROM event e CROSS JOIN orders o ON o.id = e.order_id WHERE e.seq > ? AND e.at >= ? "
    f"AND e.kind = {int(EventKind.SENT)} AND o.delivered_at >= ? ORDER BY e.seq DESC LIMIT {SAMPLE}"
)
# What persons did to these orders, and what went wrong with them; most orders have no such row.
ACTS_SQL: Final = (
    "SELECT e.order_id, e.kind, e.actor, e.at FROM json_each(?) j CROSS JOIN event e ON e.order_id = j.value "
    f"WHERE e.kind IN {WRONG} OR e.actor NOT IN {MACHINE_SQL} LIMIT {20 * SAMPLE}"
)
SENDS_SQL: Final = (
    "SELECT i.via, i.state, o.deadline, "
    "(SELECT count(*) FROM attempt a WHERE a.intent_id = i.id AND a.result IN ('rejected', 'unknown')) "
    "FROM intent i CROSS JOIN orders o ON o.id = i.order_id "
    f"WHERE i.id >= ? AND i.effect = {int(Effect.SEND)} ORDER BY i.id DESC LIMIT {SAMPLE}"
)
# By which way the finished orders went.
SENT_SQL: Final = (
    "SELECT i.order_id, i.via, i.created_at, i.changed_at FROM json_each(?) j CROSS JOIN intent i ON i.order_id = j.value "
    f"WHERE i.effect = {int(Effect.SEND)} AND i.state = {int(IntentState.CONFIRMED)} AND i.changed_at >= ?"
)
_UNSENT = (
    "SELECT * FROM (SELECT i.via AS via, o.deadline < ? AS late FROM intent i INDEXED BY {index} "
    f"CROSS JOIN orders o ON o.id = i.order_id WHERE i.state {{state}} AND i.effect = {int(Effect.SEND)} LIMIT {QUEUE})"
)
# Whatever waits to be sent, however long ago it was planned.
UNSENT_SQL: Final = (
    "SELECT via, count(*), coalesce(sum(late), 0) FROM ("
    f"{_UNSENT.format(index='ix_intent_due', state='IN (0, 4)')} UNION ALL "
    f"{_UNSENT.format(index='ix_intent_blocked', state='= 5')}) GROUP BY via"
)
QUEUE_SQL: Final = (
    "SELECT o.shop, o.product, o.deadline, CASE WHEN o.paid > 0 THEN o.received_at END FROM orders o "
    f"WHERE o.stage < 4 ORDER BY o.nprio, o.due_at, o.id LIMIT {QUEUE}"
)
BACKLOG_SQL: Final = "SELECT shop, sum(n) FROM tally WHERE stage < 4 GROUP BY shop"
