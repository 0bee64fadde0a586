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

# How long ago the newest were placed at their platforms when they came.
CAME_SQL: Final = f"SELECT received_at, created_at FROM orders WHERE id >= ? ORDER BY id DESC LIMIT {SAMPLE}"
# Where the walk over the events begins; no row when there are fewer.
WALK_SQL: Final = f"SELECT seq, at FROM event ORDER BY seq DESC LIMIT 1 OFFSET {EVENTS}"
# Sent again is not delivered again: an order counts by the time of its first delivery.
FINISHED_SQL: Final = (
    "SELECT o.id, o.shop, o.product, o.paid_at, o.received_at, o.delivered_at, o.deadline FROM event e "
    "CROSS JOIN orders o ON o.id = e.order_id WHERE e.seq > ? AND e.at >= ? "
    f"AND e.kind = {int(EventKind.SENT)} AND o.delivered_at >= ? ORDER BY e.seq DESC LIMIT {SAMPLE}"
)
# Which of these orders a person acted on; most have no such row.
TOUCHED_SQL: Final = (
    "SELECT DISTINCT e.order_id FROM json_each(?) j CROSS JOIN event e ON e.order_id = j.value "
    f"WHERE e.kind NOT IN {WRONG} AND e.actor NOT IN {MACHINE_SQL}"
)
WRONG_SQL: Final = (
    "SELECT e.order_id, count(*) FROM json_each(?) j CROSS JOIN event e ON e.order_id = j.value "
    f"WHERE e.kind IN {WRONG} GROUP BY e.order_id"
)
# Sends under way: of these alone there is no index; they are never many, nor old.
SENDING_SQL: Final = (
    "SELECT via, count(*), coalesce(sum(late), 0) FROM (SELECT i.via AS via, i.state AS state, o.deadline < ? AS late "
    f"FROM intent i CROSS JOIN orders o ON o.id = i.order_id WHERE i.id >= ? AND i.effect = {int(Effect.SEND)} "
    f"ORDER BY i.id DESC LIMIT {SAMPLE}) WHERE state = {int(IntentState.SENDING)} GROUP BY via"
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
# What the writer keeps of a day: by product and channel, and who acted on which order.
NAMED_SQL: Final = (
    "SELECT kind, name, sum(received), sum(delivered), sum(failed) FROM quarter WHERE at >= ? GROUP BY kind, name"
)
# Everybody's newest orders: one person's batches must not push another one off the wall.
DEEDS_SQL: Final = (
    "SELECT d.operator, d.acts, d.first, d.last, o.id, o.stage, o.received_at, o.delivered_at, o.deadline FROM "
    "(SELECT *, row_number() OVER (PARTITION BY operator ORDER BY last DESC, order_id DESC) AS n FROM "
    "(SELECT operator, order_id, sum(acts) AS acts, min(first) AS first, max(last) AS last FROM deed WHERE at >= ? "
    f"GROUP BY operator, order_id) ORDER BY n LIMIT {QUEUE}) d CROSS JOIN orders o ON o.id = d.order_id"
)
BACKLOG_SQL: Final = "SELECT shop, sum(n) FROM tally WHERE stage < 4 GROUP BY shop"
