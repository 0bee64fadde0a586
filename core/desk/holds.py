"""Holds: rows that block the gate for one order, lifted by the person or event that their reason names."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from core.desk.blocks import recount
from core.model.lifecycle import EventKind, HoldReason
from core.store.tx import Tx, as_json

_encode = msgspec.json.Encoder().encode


class HoldRow(NamedTuple):
    """A hold to open. ``until``: UTC microseconds after which it may lift by itself, None = never."""

    order_id: int
    reason: HoldReason
    by: str
    note: str = ""
    until: int | None = None


_OPEN = """
INSERT INTO hold(id, order_id, reason, by, note, at, until)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, value ->> 5 FROM json_each(?1) WHERE true
ON CONFLICT(order_id, reason) WHERE lifted_at IS NULL DO NOTHING RETURNING order_id, reason, by, note
"""
_LIFT = """
UPDATE hold SET lifted_at = ?3, lifted_by = ?4
WHERE lifted_at IS NULL AND order_id IN (SELECT value FROM json_each(?1))
 AND (?2 IS NULL OR reason IN (SELECT value FROM json_each(?2))) RETURNING order_id, reason
"""


def open_holds(tx: Tx, rows: Sequence[HoldRow]) -> int:
    """Open these holds; one that is open already for the same reason stays as it is. Returns how many are new."""
    if not rows:
        return 0
    ids = tx.new_ids(len(rows))
    payload = [(i, r.order_id, r.reason.value, r.by, r.note, r.until) for i, r in zip(ids, rows, strict=True)]
    new = tx.all(_OPEN, (_encode(payload).decode(), tx.now))
    for order, reason, by, note in new:
        tx.event(EventKind.HELD, order, by, {"reason": reason, "note": note})
    recount(tx, [order for order, *_ in new])
    return len(new)


def lift_holds(tx: Tx, order_ids: Sequence[int], reasons: Collection[HoldReason] | None, by: str) -> list[int]:
    """Lift the open holds of these orders (None: whatever the reason). Returns the orders that had one lifted."""
    if not order_ids:
        return []
    wanted = None if reasons is None else _encode([reason.value for reason in reasons]).decode()
    lifted = tx.all(_LIFT, (as_json(order_ids), wanted, tx.now, by))
    for order, reason in lifted:
        tx.event(EventKind.HOLD_LIFTED, order, by, {"reason": reason})
    orders = list(dict.fromkeys(int(order) for order, _ in lifted))
    recount(tx, orders)
    return orders
