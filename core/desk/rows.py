"""A row of the desk: one statement for the orders of a window, one for all that hangs on them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from core.desk.reads import Reads, Row
from core.desk.why import Standing, why_of
from core.model.lifecycle import Stage, money_axis, time_axis

COLUMNS = (
    "o.id, o.ext_id, o.shop, o.product, o.title, o.qty, o.due, o.paid, o.refunded, o.refund_open, o.currency, o.buyer, "
    "o.buyer_name, o.stage, o.tag, o.nprio, o.created_at, o.deadline, o.delivered_at, o.version, o.note, o.writeback, "
    "o.seen_at, o.due_at"
)
# Oldest first, as the why code wants them; ids ascend with time.
_ATTACHED = """
SELECT 1 AS what, h.order_id AS order_id, h.reason AS a, h.id AS b FROM json_each(?1) j
 JOIN hold h ON h.order_id = j.value AND h.lifted_at IS NULL
UNION ALL SELECT 2, c.order_id, c.kind, c.id FROM json_each(?1) j
 JOIN case_ c ON c.order_id = j.value AND c.closed_at IS NULL
UNION ALL SELECT 3, i.order_id, i.state, i.gen FROM json_each(?1) j
 JOIN intent i ON i.order_id = j.value AND i.effect = 1
UNION ALL SELECT 4, c.order_id, c.operator, c.until FROM json_each(?1) j
 JOIN claim c ON c.order_id = j.value AND c.until > ?2
ORDER BY 1, 4
"""


class Frame(NamedTuple):
    """What rows are shown against: shops by number -> (name, platform), the time (UTC us), snapshot life (us)."""

    shops: Mapping[int, tuple[str, str]]
    now: int
    fresh: int


class Attached:
    """Holds, cases, newest intent to send and live claim of some orders."""

    def __init__(self) -> None:
        self.holds: dict[int, list[str]] = {}
        self.cases: dict[int, list[str]] = {}
        self.send: dict[int, int] = {}
        self.claims: dict[int, tuple[str, int]] = {}

    def add(self, rows: Iterable[Row]) -> "Attached":
        """Sort the rows of the one statement into their places."""
        for what, order, a, b in rows:
            if what == 1:
                self.holds.setdefault(order, []).append(a)
            elif what == 2:
                kinds = self.cases.setdefault(order, [])
                if a not in kinds:
                    kinds.append(a)
            elif what == 3:
                self.send[order] = a  # ascending generation: the last one stays
            else:
                self.claims[order] = (a, b)
        return self


async def present(reads: Reads, rows: Sequence[Row], frame: Frame) -> list[dict[str, Any]]:
    """The row dicts (docs/socket.md, "A row") of order rows read with ``COLUMNS``."""
    if not rows:
        return []
    ids = json.dumps([row[0] for row in rows])
    attached = Attached().add(await reads.all(_ATTACHED, (ids, frame.now)))
    return [row_of(row, attached, frame) for row in rows]


async def rows_by_id(reads: Reads, ids: Sequence[int], frame: Frame) -> list[dict[str, Any]]:
    """Row dicts of these orders, in the order given; unknown ids are left out."""
    sql = f"SELECT {COLUMNS} FROM orders o WHERE o.id IN (SELECT value FROM json_each(?))"
    found = {row[0]: row for row in await reads.all(sql, (json.dumps(list(ids)),))}
    return await present(reads, [found[i] for i in ids if i in found], frame)


def row_of(row: Row, attached: Attached, frame: Frame) -> dict[str, Any]:
    """One row dict."""
    (order, ext, shop, product, title, qty, due, paid, refunded, refund_open, currency, buyer, buyer_name, stage, tag,
     nprio, created, deadline, delivered, version, note, writeback, seen, _) = row  # fmt: skip
    name, platform = frame.shops.get(shop, (str(shop), ""))
    holds, cases = attached.holds.get(order, []), attached.cases.get(order, [])
    claim = attached.claims.get(order)
    standing = Standing(Stage(stage), due, paid, refunded, bool(refund_open), writeback, seen, attached.send.get(order))
    return {
        "id": order,
        "ext_id": ext,
        "shop": name,
        "platform": platform,
        "product": product,
        "title": title,
        "qty": qty,
        "amount": due,
        "paid": paid,
        "refunded": refunded,
        "currency": currency,
        "buyer": buyer_name or buyer,
        "stage": standing.stage.name.lower(),
        "money": money_axis(due, paid, refunded, bool(refund_open)).value,
        "why": why_of(standing, holds, cases, frame.now - frame.fresh),
        "tag": tag,
        "priority": -nprio,
        "created_at": created,
        "deadline": deadline,
        "lateness": time_axis(frame.now, created, deadline, _done_at(standing.stage, delivered, frame.now)).value,
        "version": version,
        "claim": None if claim is None else {"by": claim[0], "until": claim[1]},
        "cases": cases,
        "holds": holds,
        "note": note,
    }


def _done_at(stage: Stage, delivered: int | None, now: int) -> int | None:
    # An order that ended without delivery is late for nobody any more.
    if stage in (Stage.CANCELLED, Stage.CLOSED) and delivered is None:
        return 0
    return delivered if stage >= Stage.DELIVERED else None
