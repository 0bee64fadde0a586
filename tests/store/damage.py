"""Damage done to a lived-in database by hand, and the invariants that must notice it."""

from tests.rig import T0


def ID(ext: str) -> str:
    return f"(SELECT id FROM orders WHERE ext_id = '{ext}')"


def _intent(ext: str) -> str:
    return f"(SELECT id FROM intent WHERE order_id = {ID(ext)} AND effect = 1)"


def _key(ext: str) -> str:
    return f"(SELECT min(id) FROM key WHERE order_id = {ID(ext)})"


FREE = "(SELECT min(id) FROM key WHERE state = 0 AND product = 'p1')"
V, W = "violation", "warning"

DAMAGE: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "the same secret twice": (
        {"I0 " + V, "I1 " + V},
        ("DROP INDEX ux_key_print", f"UPDATE key SET print = (SELECT print FROM key WHERE id = {_key('done')}) WHERE id = {FREE}"),
    ),
    "a sent key given to another order": (
        {"I1 " + V, "I7 " + V, "I15 " + V},
        (f"UPDATE key SET state = 0, order_id = NULL, line = NULL, slot = NULL WHERE id = {_key('done')}",),
    ),
    "a key in a slot that is not there": (
        {"I3 " + V},
        (f"UPDATE key SET slot = 3 WHERE order_id = {ID('allocated')} AND slot = 2",),
    ),
    "two keys in one slot": (
        {"I3 " + V, "I7 " + V, "I15 " + V},
        (f"UPDATE key SET state = 1, order_id = {ID('done')}, line = '1', slot = 1, gone = 7 WHERE id = {FREE}",),
    ),
    "a key bound to an unpaid order": (
        {"I7 " + V, "I15 " + V},
        (f"UPDATE key SET state = 1, order_id = {ID('unpaid')}, line = '1', slot = 1 WHERE id = {FREE}",),
    ),
    "money taken out of the ledger": (
        {"I2 " + V, "I-money " + V},
        (f"DELETE FROM payment WHERE order_id = {ID('done')}",),
    ),
    "money that came after the key had gone": (
        {"I2 " + V},
        (f"UPDATE payment SET id = (SELECT max(id) FROM payment) + 1 WHERE order_id = {ID('done')}",),
    ),
    "refunded before the attempt was opened": (
        {"I2 " + V},
        (f"UPDATE attempt SET opened_at = opened_at + 2 WHERE intent_id = {_intent('refunded')}",
         f"UPDATE payment SET seen_at = seen_at + 1 WHERE order_id = {ID('refunded')} AND kind = 1"),
    ),
    "refunded before the attempt under way was opened": (
        {"I2 " + V, "I-money " + V},
        (f"INSERT INTO payment SELECT (SELECT max(id) + 1 FROM payment), account, 'back', shop, ext_id, order_id, 1, amount, currency, {T0}, 1 FROM payment WHERE order_id = {ID('sending')}",),
    ),
    "more refunded than paid": (
        {"I8 " + V, "I-money " + V},
        (f"UPDATE orders SET refunded = 2000 WHERE id = {ID('done')}",),
    ),
    "a refund larger than the payment": (
        {"I8 " + W},
        (f"UPDATE payment SET amount = amount + 1 WHERE kind = 1 AND order_id = {ID('refunded')}",),
    ),
    "a sum that is not the payments'": (
        {"I-money " + V},
        (f"UPDATE orders SET paid = paid + 1 WHERE id = {ID('short')}",),
    ),
    "a payment on another order": (
        {"I-money " + V},
        (f"UPDATE payment SET ext_id = 'unpaid' WHERE order_id = {ID('short')}",),
    ),
    "a payment that its order does not have": (
        {"I-money " + V},
        (f"INSERT INTO payment SELECT 1, 'acc', 'x', 1, 'unpaid', NULL, 0, 5, 'CNY', {T0}, {T0}",),
    ),
    "an order that nobody is asked about": (
        {"I4 " + V, "I-case_tally " + V, "I-blocks " + V},
        (f"UPDATE case_ SET closed_at = 1 WHERE order_id = {ID('unmapped')}",),
    ),
    "an intent that fell asleep": (
        {"I4 " + V},
        (f"UPDATE intent SET state = 5 WHERE id = {_intent('allocated')}",),
    ),
    "an order without its first event": (
        {"I10 " + V, "I13 " + V},
        (f"DELETE FROM event WHERE order_id = {ID('unpaid')} AND kind = 1",),
    ),
    "an order without its payload": ({"I10 " + V}, (f"DELETE FROM order_raw WHERE order_id = {ID('unpaid')}",)),
    "an order that was deleted": (
        {"I10 " + V, "I-tally " + V},
        (f"DELETE FROM order_raw WHERE order_id = {ID('unpaid')}", f"DELETE FROM orders WHERE id = {ID('unpaid')}"),
    ),
    "a block that was lifted by hand": ({"I-blocks " + V}, (f"UPDATE orders SET blocks = 0 WHERE id = {ID('held')}",)),
    "an open refund that is not counted": (
        {"I-blocks " + V},
        (f"UPDATE orders SET refund_open = 0 WHERE id = {ID('asked')}",),
    ),
    "a top-up tried again after an unknown": (
        {"I5 " + V},
        (f"UPDATE intent SET state = 1, tries = 2, opened_at = {T0} WHERE id = {_intent('unknown')}",),
    ),
    "a second intent that nobody decided": (
        {"I5 " + V},
        (f"INSERT INTO intent SELECT (SELECT max(id) + 1 FROM intent), order_id, shop, 1, via, cls, 2, 1, 2, recipient, 0, 1, {T0}, {T0}, {T0} FROM intent WHERE id = {_intent('done')}",
         f"INSERT INTO attempt SELECT id, 1, order_id, {T0}, 1, {T0}, 'confirmed', '', '' FROM intent WHERE gen = 2"),
    ),
    "an unknown that nobody is asked about": (
        {"I5 " + V, "I4 " + V, "I-case_tally " + V},
        (f"UPDATE case_ SET closed_at = 1 WHERE order_id = {ID('unknown')}",),
    ),
    "delivered without an attempt that says so": (
        {"I9 " + V},
        (f"UPDATE attempt SET result = 'rejected' WHERE intent_id = {_intent('done')}",),
    ),
    "closed without a word": (
        {"I9 " + V, "I-tally " + V},
        (f"UPDATE orders SET stage = 5 WHERE id = {ID('unpaid')}",),
    ),
    "an attempt on an order that stands before the gate": (
        {"I-effects " + V},
        (f"INSERT INTO attempt SELECT id, 1, order_id, {T0}, 1, {T0}, 'unknown', '', '' FROM intent WHERE id = {_intent('allocated')}",),
    ),
    "an attempt of a core that is gone": ({"I11 " + V}, ("UPDATE leader SET epoch = epoch + 1",)),
    "an attempt without its intent": (
        {"I-effects " + V},
        (f"INSERT INTO attempt VALUES(77, 1, {ID('done')}, {T0}, 1, {T0}, 'confirmed', '', '')",),
    ),
    "an open attempt that nobody knows the time of": (
        {"I-effects " + V},
        (f"UPDATE intent SET opened_at = NULL WHERE id = {_intent('sending')}",),
    ),
    "an intent of no order": (
        {"I-effects " + V},
        (f"INSERT INTO intent VALUES(6, 6, 1, 1, 'email', 'A', 6, 0, 1, '', 0, 1, {T0}, {T0}, NULL)",),
    ),
    "an event that was changed": (
        {"I13 " + V},
        (f"UPDATE event SET body = replace(body, '1000', '9000') WHERE order_id = {ID('done')} AND kind = 1",),
    ),
    "the last event removed": ({"I13 " + V}, ("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)",)),
    "an event slipped in at the end": (
        {"I13 " + V},
        (f"INSERT INTO event SELECT max(seq) + 1, {T0}, 0, 18, 'x', '' FROM event",),
    ),
    "a block removed": ({"I13 " + V}, ("DELETE FROM block WHERE n = 3",)),
    "a counter of stages": ({"I-tally " + V}, ("UPDATE tally SET n = n + 1 WHERE shop = 1 AND stage = 4",)),
    "a counter of cases": ({"I-case_tally " + V}, ("UPDATE case_tally SET n = n - 1 WHERE kind = 'no_stock'",)),
    "the stock": ({"I15 " + V}, ("UPDATE stock SET free = free + 1 WHERE product = 'p2'",)),
    "a rule of the schema": ({"I0 " + V}, ("DROP INDEX ux_payment_txn",)),
}  # fmt: skip
