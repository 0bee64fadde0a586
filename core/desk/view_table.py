"""The fixed views of the queue: which orders belong to each, and where its total comes from."""

from collections.abc import Mapping
from typing import NamedTuple

from core.model.lifecycle import CaseKind

COUNT_MAX = 10_000


class View(NamedTuple):
    """``where`` over ``orders o``; ``newest``: by id, latest first, instead of by priority and sort time.

    ``stages``: the kept counters that make up its total; ``counted``: a statement over a small partial index instead,
    which counts no further than ``COUNT_MAX`` + 1 when it is ``capped``.
    """

    where: str
    newest: bool = False
    stages: tuple[int, ...] = ()
    counted: str = ""
    mine: bool = False
    big: bool = False
    capped: bool = False


def _of_kinds(*kinds: CaseKind) -> str:
    names = ", ".join(f"'{kind.value}'" for kind in kinds)
    return f"SELECT c.order_id FROM case_ c WHERE c.closed_at IS NULL AND c.kind IN ({names}) AND c.order_id <> 0"


def _split(orders: str) -> View:
    """A queue of its own for the orders that a statement names; each of its parts starts from a small index."""
    counted = f"SELECT count(*) FROM (SELECT DISTINCT order_id FROM ({orders}) LIMIT {COUNT_MAX + 1})"
    return View(f"o.id IN ({orders})", counted=counted, capped=True)


# Money that came and does not count, or does not come any more though it used to.
_STUCK = (
    CaseKind.UNDERPAID,
    CaseKind.OVERPAID,
    CaseKind.LATE_PAYMENT,
    CaseKind.PRICE_MISMATCH,
    CaseKind.ZERO_AMOUNT,
)
_REFUNDS = (CaseKind.REFUND_BEFORE, CaseKind.REFUND_AFTER, CaseKind.DISPUTE)
_DRIFT = (CaseKind.POISON_PAYLOAD, CaseKind.UNIT_SUSPECT, CaseKind.SKU_UNMAPPED)
_SILENT = "SELECT h.order_id FROM hold h WHERE h.lifted_at IS NULL AND h.reason = 'shop_silent'"

# `stage < 4` stands literally in every view of unfinished orders: it is what lets SQLite use ix_orders_queue.
VIEWS: Mapping[str, View] = {
    "work": View("o.stage < 4", stages=(0, 1, 2, 3)),
    "open": View("o.stage < 4 AND o.stage = 1", stages=(1,)),
    "waiting_money": View("o.stage < 4 AND o.stage <= 1 AND o.paid - o.refunded < o.due"),
    "delivering": View("o.stage < 4 AND o.stage >= 2", stages=(2, 3)),
    "exceptions": View(
        "o.id IN (SELECT c.order_id FROM case_ c WHERE c.closed_at IS NULL)",
        counted="SELECT count(DISTINCT c.order_id) FROM case_ c WHERE c.closed_at IS NULL AND c.order_id <> 0",
    ),
    "held": View(
        "o.id IN (SELECT h.order_id FROM hold h WHERE h.lifted_at IS NULL)",
        counted="SELECT count(DISTINCT h.order_id) FROM hold h WHERE h.lifted_at IS NULL",
    ),
    "vip": View("o.stage < 4 AND (o.tag = 'VIP' OR EXISTS(SELECT 1 FROM buyer b WHERE b.id = o.buyer AND b.vip = 1))"),
    "big": View("o.stage < 4 AND o.due >= ?", big=True),
    "stuck": _split(f"{_of_kinds(*_STUCK)} UNION ALL {_SILENT}"),
    "refunds": _split(_of_kinds(*_REFUNDS)),
    "drift": _split(_of_kinds(*_DRIFT)),
    "no_stock": _split(_of_kinds(CaseKind.NO_STOCK)),
    "unknown": _split(_of_kinds(CaseKind.UNKNOWN_OUTCOME)),
    "mine": View(
        "o.id IN (SELECT c.order_id FROM claim c WHERE c.operator = ? AND c.until > ?)",
        counted="SELECT count(*) FROM claim c WHERE c.operator = ? AND c.until > ?",
        mine=True,
    ),
    "recent": View("o.stage >= 4", newest=True, stages=(4, 5, 6)),
    "all": View("true", newest=True, stages=(0, 1, 2, 3, 4, 5, 6)),
}
INDEXED = (
    "work",
    "open",
    "waiting_money",
    "delivering",
    "vip",
    "big",
)  # read in the order of ix_orders_queue, unsorted


# Windows of these may have to walk past many orders that do not belong to them.
WALKED = frozenset((*(VIEWS[name] for name in INDEXED), VIEWS["recent"], VIEWS["all"]))
