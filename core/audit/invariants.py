"""The invariants as statements: each yields the orders that break it, reading an index for every row it looks up.

Money is judged by payment rows in the order in which they were booked, never by the sums that the pipeline keeps: the
sums are checked on their own (I-money).
"""

from collections.abc import Mapping
from typing import NamedTuple

from core.audit.report import VIOLATION, WARNING
from core.model.clock import MINUTE
from core.model.lifecycle import BLOCKING

LIMIT_US = 10 * MINUTE  # how long something that can go on may lie still before it is worth a warning
NEVER = 2**62  # the pipeline's next_at of what waits for a person
_BLOCKING = ", ".join(f"'{kind.value}'" for kind in sorted(BLOCKING))


class Invariant(NamedTuple):
    """``sql`` yields an order id a row; it may name :now, :limit and :never."""

    name: str
    severity: str
    sentence: str
    sql: str


def _net(came: str, went: str) -> str:
    """Net money of order ``o`` in its own currency, of charges that meet ``came`` and refunds that meet ``went``."""
    return (
        f"(SELECT coalesce(sum(CASE WHEN p.kind = 0 AND ({came}) THEN p.amount "
        f"WHEN p.kind = 1 AND {went} THEN -p.amount ELSE 0 END), 0) FROM payment p "
        "WHERE p.order_id = o.id AND p.order_id IS NOT NULL AND p.currency = o.currency)"
    )


# Ids ascend in the order of booking whatever the clock does; an attempt has a time only, so for it the money that its
# intent rested on counts even if the clock was set back in between.
_AT_INTENT = _net("p.id < i.id", "p.id < i.id")
_AT_ATTEMPT = _net("p.id < i.id OR p.seen_at <= a.opened_at", "p.seen_at < a.opened_at")
_AT_OPEN = _net("p.id < i.id OR p.seen_at <= i.opened_at", "p.seen_at < i.opened_at")


def _sum(kind: int) -> str:
    return (
        f"(SELECT coalesce(sum(p.amount), 0) FROM payment p WHERE p.order_id = o.id AND p.order_id IS NOT NULL "
        f"AND p.kind = {kind} AND p.currency = o.currency)"
    )


_CASE = "EXISTS(SELECT 1 FROM case_ c WHERE c.order_id = o.id AND c.closed_at IS NULL)"
_HOLD = "EXISTS(SELECT 1 FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL)"
_TRIED = "EXISTS(SELECT 1 FROM intent i WHERE i.order_id = o.id AND i.effect = 1 AND i.tries > 0)"
_VERDICT = "EXISTS(SELECT 1 FROM event e WHERE e.order_id = {0} AND e.kind = 23)"

KEYS = (
    Invariant(
        "I1",
        VIOLATION,
        "one secret is held by two key rows, so it could be sold twice",
        "SELECT k.order_id FROM key k WHERE EXISTS(SELECT 1 FROM key t WHERE t.product = k.product "
        "AND t.print = k.print AND t.id > k.id)",
    ),
    Invariant(
        "I1",
        VIOLATION,
        "the log bound a key to an order that the key does not belong to now, and no release is logged between",
        "SELECT e.order_id FROM event e CROSS JOIN json_each(e.body, '$.keys') j LEFT JOIN key k ON k.id = j.value "
        "WHERE e.kind IN (1, 5) AND k.order_id IS NOT e.order_id AND NOT EXISTS(SELECT 1 FROM event r "
        "WHERE r.order_id = e.order_id AND r.kind = 6 AND r.seq > e.seq)",
    ),
    Invariant(
        "I3",
        VIOLATION,
        "a key is bound to a slot that its order does not have",
        "SELECT k.order_id FROM key k LEFT JOIN line l ON l.order_id = k.order_id AND l.line = k.line "
        "WHERE k.order_id IS NOT NULL AND (l.qty IS NULL OR k.slot IS NULL OR k.slot NOT BETWEEN 1 AND l.qty)",
    ),
    Invariant(
        "I3",
        VIOLATION,
        "one slot holds more than one live key",
        "SELECT k.order_id FROM key k WHERE k.order_id IS NOT NULL AND k.state = 1 AND EXISTS(SELECT 1 FROM key t "
        "WHERE t.order_id = k.order_id AND t.order_id IS NOT NULL AND t.line = k.line AND t.slot = k.slot "
        "AND t.state = 1 AND t.id > k.id)",
    ),
    Invariant(
        "I7",
        VIOLATION,
        "a key is bound to an order that has no committed allocation",
        "SELECT k.order_id FROM key k LEFT JOIN orders o ON o.id = k.order_id WHERE k.order_id IS NOT NULL "
        "AND (o.id IS NULL OR o.stage NOT IN (2, 3, 4, 5) OR NOT EXISTS(SELECT 1 FROM intent i "
        "WHERE i.order_id = k.order_id AND i.effect = 1 AND (i.tries > 0 OR i.state <> 6)))",
    ),
    Invariant(
        "I7",
        VIOLATION,
        "an order past the gate does not hold exactly one key for each of its slots",
        "SELECT o.id FROM orders o WHERE o.stage IN (2, 3, 4) AND (SELECT count(*) FROM key k WHERE k.order_id = o.id "
        "AND k.order_id IS NOT NULL AND k.state = 1) <> (SELECT coalesce(sum(l.qty), 0) FROM line l WHERE l.order_id = o.id)",
    ),
)

MONEY = (
    Invariant(
        "I2",
        VIOLATION,
        "an intent to send was recorded although booked money did not cover the order",
        "SELECT i.order_id FROM intent i JOIN orders o ON o.id = i.order_id WHERE i.effect = 1 "
        f"AND (i.tries > 0 OR i.state <> 6) AND (o.due <= 0 OR {_AT_INTENT} < o.due)",
    ),
    Invariant(
        "I2",
        VIOLATION,
        "an attempt to send was opened although booked money did not cover the order",
        "SELECT i.order_id FROM intent i CROSS JOIN attempt a ON a.intent_id = i.id JOIN orders o ON o.id = i.order_id "
        f"WHERE i.effect = 1 AND {_AT_ATTEMPT} < o.due",
    ),
    Invariant(
        "I2",
        VIOLATION,
        "an attempt to send is under way although booked money did not cover the order when it was opened",
        "SELECT i.order_id FROM intent i JOIN orders o ON o.id = i.order_id "
        f"WHERE i.effect = 1 AND i.state = 1 AND {_AT_OPEN} < o.due",
    ),
    Invariant(
        "I8",
        VIOLATION,
        "an order counts more money returned than it counts received",
        "SELECT o.id FROM orders o WHERE o.refunded > o.paid",
    ),
    Invariant(
        "I8",
        WARNING,
        "more money was returned than was ever received, as far as the payments that we know tell",
        f"SELECT o.id FROM orders o WHERE {_sum(1)} > {_sum(0)}",
    ),
    Invariant(
        "I-money",
        VIOLATION,
        "paid or refunded of an order is not the sum of its payments",
        f"SELECT o.id FROM orders o WHERE o.paid <> {_sum(0)} "
        f"OR (o.refunded <> min({_sum(1)}, o.paid) AND NOT (o.pstate = 5 AND o.refunded = o.paid))",
    ),
    Invariant(
        "I-money",
        VIOLATION,
        "a payment is booked on another order than the one it names",
        "SELECT p.order_id FROM payment p LEFT JOIN orders o ON o.id = p.order_id WHERE p.order_id IS NOT NULL "
        "AND (o.id IS NULL OR o.shop <> p.shop OR o.ext_id <> p.ext_id)",
    ),
    Invariant(
        "I-money",
        VIOLATION,
        "a payment or a refund request of an order that we have is not booked on it",
        "SELECT o.id FROM payment p JOIN orders o ON o.shop = p.shop AND o.ext_id = p.ext_id WHERE p.order_id IS NULL "
        "UNION ALL "
        "SELECT o.id FROM refund r JOIN orders o ON o.shop = r.shop AND o.ext_id = r.ext_id WHERE r.order_id IS NULL",
    ),
)

FLOW = (
    Invariant(
        "I4",
        VIOLATION,
        "an order is neither finished nor on its way, and nobody is asked about it",
        f"SELECT o.id FROM orders o WHERE o.stage < 4 AND NOT {_CASE} AND NOT {_HOLD} AND (o.stage = 0 "
        "OR (o.stage = 1 AND o.due <= 0) OR (o.stage >= 2 AND o.refund_open = 0 AND NOT EXISTS(SELECT 1 FROM intent i "
        "WHERE i.order_id = o.id AND i.effect = 1 AND (i.state < 2 OR (i.state = 4 AND i.next_at < :never)))))",
    ),
    Invariant(
        "I4",
        WARNING,
        "a paid order has been ready for the gate for longer than ten minutes",
        "SELECT o.id FROM orders o WHERE o.stage = 1 AND o.blocks = 0 AND o.refund_open = 0 "
        "AND o.due <= o.paid - o.refunded AND o.due > 0 AND o.changed_at < :now - :limit",
    ),
    Invariant(
        "I4",
        WARNING,
        "an effect has been due for longer than ten minutes and was not tried",
        "SELECT i.order_id FROM intent i WHERE i.state IN (0, 4) AND i.next_at < :now - :limit",
    ),
    Invariant(
        "I10",
        VIOLATION,
        "an order lacks its first event, its raw payload or its lines",
        "SELECT o.id FROM orders o WHERE NOT EXISTS(SELECT 1 FROM event e WHERE e.order_id = o.id AND e.kind = 1) "
        "OR NOT EXISTS(SELECT 1 FROM order_raw r WHERE r.order_id = o.id) "
        "OR NOT EXISTS(SELECT 1 FROM line l WHERE l.order_id = o.id)",
    ),
    Invariant(
        "I10",
        VIOLATION,
        "the log received an order that is not there any more",
        "SELECT e.order_id FROM event e WHERE e.kind = 1 AND NOT EXISTS(SELECT 1 FROM orders o WHERE o.id = e.order_id)",
    ),
    Invariant(
        "I-blocks",
        VIOLATION,
        "the count of what blocks an order is not the number of its open holds and blocking cases",
        "SELECT o.id FROM orders o WHERE o.blocks <> (SELECT count(*) FROM hold h WHERE h.order_id = o.id "
        "AND h.lifted_at IS NULL) + (SELECT count(*) FROM case_ c WHERE c.order_id = o.id AND c.closed_at IS NULL "
        f"AND c.kind IN ({_BLOCKING}))",
    ),
    Invariant(
        "I-blocks",
        VIOLATION,
        "the count of open refund requests of an order is not the number of their rows",
        "SELECT o.id FROM orders o WHERE o.refund_open <> (SELECT count(*) FROM refund r WHERE r.order_id = o.id "
        "AND r.order_id IS NOT NULL AND r.state = 0)",
    ),
)

EFFECTS = (
    Invariant(
        "I5",
        VIOLATION,
        "an effect that must never be repeated was tried again after it may have happened",
        "SELECT i.order_id FROM intent i WHERE i.cls = 'C' AND i.tries > 1 AND (SELECT count(*) FROM attempt a "
        "WHERE a.intent_id = i.id AND a.result IN ('confirmed', 'unknown')) + (i.state = 1) > 1",
    ),
    Invariant(
        "I5",
        VIOLATION,
        "keys were sent again under a new intent without a person's verdict",
        # A way that refused them, with no attempt of it in doubt, sent nothing: the next way needs no verdict.
        "SELECT i.order_id FROM intent i WHERE i.effect = 1 AND i.gen > 1 AND i.tries > 0 AND EXISTS(SELECT 1 FROM intent t "
        "WHERE t.order_id = i.order_id AND t.effect = 1 AND t.gen < i.gen AND t.tries > 0 AND (t.state <> 3 "
        "OR EXISTS(SELECT 1 FROM attempt a WHERE a.intent_id = t.id AND a.result IN ('unknown', 'confirmed')))) "
        f"AND NOT {_VERDICT.format('i.order_id')}",
    ),
    Invariant(
        "I5",
        VIOLATION,
        "an unknown outcome waits for a person, but no case asks one",
        "SELECT i.order_id FROM intent i WHERE i.state = 4 AND i.next_at >= :never AND NOT EXISTS(SELECT 1 FROM case_ c "
        "WHERE c.order_id = i.order_id AND c.kind = 'unknown_outcome' AND c.closed_at IS NULL)",
    ),
    Invariant(
        "I9",
        VIOLATION,
        "an order counts as delivered without a confirmed attempt",
        "SELECT o.id FROM orders o WHERE (o.stage = 4 OR o.delivered_at IS NOT NULL) AND NOT EXISTS(SELECT 1 FROM intent i "
        "JOIN attempt a ON a.intent_id = i.id WHERE i.order_id = o.id AND i.effect = 1 AND i.state = 2 AND a.result = 'confirmed')",
    ),
    Invariant(
        "I9",
        VIOLATION,
        "the stage of an order and its attempts to send do not go together",
        f"SELECT o.id FROM orders o WHERE (o.stage IN (0, 1, 2, 6) AND {_TRIED}) OR (o.stage = 3 AND NOT {_TRIED}) "
        f"OR (o.stage = 5 AND NOT {_TRIED} AND NOT {_VERDICT.format('o.id')})",
    ),
    Invariant(
        "I11",
        VIOLATION,
        "an attempt of an earlier core is still open: its outcome was never taken as unknown",
        "SELECT i.order_id FROM intent i WHERE i.state = 1 AND i.epoch < (SELECT epoch FROM leader WHERE id = 1)",
    ),
    Invariant(
        "I11",
        WARNING,
        "an attempt has been open for longer than ten minutes",
        "SELECT i.order_id FROM intent i WHERE i.state = 1 AND i.opened_at < :now - :limit",
    ),
    Invariant(
        "I-effects",
        VIOLATION,
        "an attempt has no intent of its order, or an open one no time",
        "SELECT a.order_id FROM attempt a LEFT JOIN intent i ON i.id = a.intent_id "
        "WHERE i.id IS NULL OR i.order_id <> a.order_id UNION ALL "
        "SELECT i.order_id FROM intent i WHERE i.state = 1 AND i.opened_at IS NULL",
    ),
    Invariant(
        "I-effects",
        VIOLATION,
        "the tries of an intent are not the number of its attempts with the one that is under way",
        "SELECT i.order_id FROM intent i WHERE i.tries <> (SELECT count(*) FROM attempt a WHERE a.intent_id = i.id) "
        "+ (i.state = 1)",
    ),
    Invariant(
        "I-effects",
        VIOLATION,
        "an intent belongs to no order",
        "SELECT i.order_id FROM intent i WHERE NOT EXISTS(SELECT 1 FROM orders o WHERE o.id = i.order_id)",
    ),
)

INVARIANTS: tuple[Invariant, ...] = KEYS + MONEY + FLOW + EFFECTS


def params(now: int) -> Mapping[str, int]:
    """What the statements may name."""
    return {"now": now, "limit": LIMIT_US, "never": NEVER}
