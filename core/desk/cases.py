"""Cases: what a person must decide. Opened once per (order, kind, subject), closed with a verdict and a name."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from core.desk.blocks import recount
from core.model.lifecycle import BLOCKING, CaseKind, EventKind
from core.store.tx import Tx, as_json

_encode = msgspec.json.Encoder().encode


class CaseRow(NamedTuple):
    """A case to open. ``order_id`` 0: it belongs to a shop, not to an order. ``fact`` never holds a secret."""

    order_id: int
    shop: int
    kind: CaseKind
    subject: str = ""  # what tells two open cases of one kind apart: a product, a refund id, an intent
    fact: Mapping[str, Any] = MappingProxyType({})
    deadline: int | None = None  # UTC microseconds


_OPEN = """
INSERT INTO case_(id, order_id, shop, kind, subject, fact, blocking, opened_at, deadline)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, ?2, value ->> 7
FROM json_each(?1) WHERE true
ON CONFLICT(order_id, kind, subject) WHERE closed_at IS NULL DO NOTHING RETURNING order_id, kind, subject, fact
"""
_CLOSE = """
UPDATE case_ SET closed_at = ?3, verdict = ?4, by = ?5
WHERE closed_at IS NULL AND order_id IN (SELECT value FROM json_each(?1))
 AND kind IN (SELECT value FROM json_each(?2)) AND (?6 IS NULL OR subject = ?6) RETURNING order_id, kind, subject
"""


def open_cases(tx: Tx, rows: Sequence[CaseRow], by: str = "core") -> int:
    """Open these cases; one that is open already for the same order, kind and subject stays.

    Returns how many are new.
    """
    if not rows:
        return 0
    payload = [
        (
            i,
            r.order_id,
            r.shop,
            r.kind.value,
            r.subject,
            _encode(dict(r.fact)).decode(),
            int(r.kind in BLOCKING),
            r.deadline,
        )
        for i, r in zip(tx.new_ids(len(rows)), rows, strict=True)
    ]
    new = tx.all(_OPEN, (_encode(payload).decode(), tx.now))
    for order, kind, subject, fact in new:
        body = {"kind": kind, "subject": subject, "fact": msgspec.Raw(fact.encode())}
        tx.event(EventKind.CASE_OPENED, order, by, body)
    for kind, count in Counter(row[1] for row in new).items():
        tx.case_counted(kind, count)
    recount(tx, [row[0] for row in new])
    if new:
        tx.wake("cases")
    return len(new)


def close_cases(
    tx: Tx,
    order_ids: Sequence[int],
    kinds: Collection[CaseKind],
    verdict: str,
    by: str,
    subject: str | None = None,
) -> list[int]:
    """Close the open cases of these kinds (and this subject) on these orders. Returns the orders that had one."""
    if not order_ids or not kinds:
        return []
    wanted = _encode([kind.value for kind in kinds]).decode()
    closed = tx.all(_CLOSE, (as_json(order_ids), wanted, tx.now, verdict, by, subject))
    for order, kind, about in closed:
        tx.event(EventKind.CASE_CLOSED, order, by, {"kind": kind, "subject": about, "verdict": verdict})
    for kind, count in Counter(row[1] for row in closed).items():
        tx.case_counted(kind, -count)
    orders = list(dict.fromkeys(int(row[0]) for row in closed))
    recount(tx, orders)
    return orders
