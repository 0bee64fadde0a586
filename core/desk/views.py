"""The fixed views of the queue: their conditions, their order, and windows on them by keyset."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from core.desk.filter import Context, Sql, compile_filter
from core.desk.reads import Reads, Row
from core.desk.refusals import bad_request
from core.desk.rows import COLUMNS, Frame, present

LIMIT_MAX = 500
COUNT_MAX = 10_000
END = "end"  # as ``before``: the window at the end of the list


class View(NamedTuple):
    """``where`` over ``orders o``; ``newest``: by id, latest first, instead of by priority and sort time.

    ``stages``: the kept counters that make up its total; ``counted``: a statement over a small partial index instead.
    """

    where: str
    newest: bool = False
    stages: tuple[int, ...] = ()
    counted: str = ""
    mine: bool = False
    big: bool = False


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
    "mine": View(
        "o.id IN (SELECT c.order_id FROM claim c WHERE c.operator = ? AND c.until > ?)",
        counted="SELECT count(*) FROM claim c WHERE c.operator = ? AND c.until > ?",
        mine=True,
    ),
    "recent": View("o.stage >= 4", newest=True, stages=(4, 5, 6)),
}
INDEXED = (
    "work",
    "open",
    "waiting_money",
    "delivering",
    "vip",
    "big",
)  # read in the order of ix_orders_queue, unsorted


class Selection(NamedTuple):
    """A view with a filter, ready to be used in a statement."""

    view: View
    where: str
    params: tuple[str | int, ...]
    bare: bool


def select(view: str, filter_text: str, context: Context, big_from: int) -> Selection:
    """The condition of a view and a filter. ``big_from``: minor units from which an order is big.

    Raises Refused for an unknown view, FilterError for the filter.
    """
    found = VIEWS.get(view)
    if found is None:
        raise bad_request(f"there is no view {view[:40]!r}; there are {' '.join(VIEWS)}")
    extra = compile_filter(filter_text, context)
    where = found.where + (f" AND {extra.where}" if extra.where else "")
    params = view_params(found, context, big_from) + extra.params
    return Selection(found, where, params, not extra.where)


def view_params(view: View, context: Context, big_from: int) -> tuple[str | int, ...]:
    """The values behind the marks of the view's own condition."""
    if view.mine:
        return (context.me, context.now)
    return (big_from,) if view.big else ()


class Page(NamedTuple):
    """Where a window begins. ``mark`` is what an earlier window gave as ``first`` or ``last``; ``at`` is an order id."""

    limit: int = 50
    after: str = ""
    before: str = ""
    at: int | None = None


def window_sql(selection: Selection, page: Page, start: tuple[int, ...] | None) -> Sql:
    """The statement of a window. ``start``: the keyset tuple that it begins at (``at``) or next to (after, before)."""
    back = bool(page.before)  # `before=end` has no start: the last window
    key = "(o.id)" if selection.view.newest else "(o.nprio, o.due_at, o.id)"
    descending = selection.view.newest != back
    where, params = selection.where, selection.params
    if start is not None:
        sign = ("<" if descending else ">") + ("" if page.after or page.before else "=")
        marks = ", ".join("?" for _ in start)
        where, params = f"{where} AND {key} {sign} ({marks})", params + start
    direction = " DESC" if descending else ""
    order = ", ".join(f"{column}{direction}" for column in key.strip("()").split(", "))
    return Sql(f"SELECT {COLUMNS} FROM orders o WHERE {where} ORDER BY {order} LIMIT ?", (*params, page.limit))


def mark_of(view: View, row: Row) -> str:
    """The opaque keyset mark of an order row read with ``COLUMNS``."""
    return str(row[0]) if view.newest else f"{row[15]}.{row[23]}.{row[0]}"


def _start(view: View, mark: str) -> tuple[int, ...]:
    parts = mark.split(".")
    wanted = 1 if view.newest else 3
    try:
        numbers = tuple(int(part) for part in parts)
    except ValueError:
        numbers = ()
    if len(numbers) != wanted or any(abs(n) >= 2**63 for n in numbers):
        raise bad_request("this mark does not belong to this view; read the window without it")
    return numbers


async def window(reads: Reads, selection: Selection, page: Page, frame: Frame) -> dict[str, Any]:
    """``{"rows", "first", "last", "before"}``: ``before`` is 0 when nothing stands above the window, None otherwise."""
    view = selection.view
    start: tuple[int, ...] | None = None
    if page.after or (page.before and page.before != END):
        start = _start(view, page.after or page.before)
    elif page.at is not None:
        found = await reads.all("SELECT id, nprio, due_at FROM orders WHERE id = ?", (page.at,))
        if found:
            start = (found[0][0],) if view.newest else (found[0][1], found[0][2], found[0][0])
    rows = await reads.all(*window_sql(selection, page, start))
    if page.before:
        rows.reverse()
    first = mark_of(view, rows[0]) if rows else None
    last = mark_of(view, rows[-1]) if rows else None
    return {
        "rows": await present(reads, rows, frame),
        "first": first,
        "last": last,
        "before": None
        if (start is not None or page.before == END) and first and await _anything_before(reads, selection, first)
        else 0,
    }


async def _anything_before(reads: Reads, selection: Selection, first: str) -> bool:
    sql = window_sql(selection, Page(1, before=first), _start(selection.view, first))
    return bool(await reads.all(*sql))


async def total(reads: Reads, selection: Selection, context: Context) -> int | None:
    """How many orders a bare view holds, from kept counters or a small index; None where nothing is kept for it."""
    view = selection.view
    if not selection.bare:
        return None
    if view.stages:
        marks = ", ".join(str(stage) for stage in view.stages)
        rows = await reads.all(f"SELECT coalesce(sum(n), 0) FROM tally WHERE stage IN ({marks})")
        return int(rows[0][0])
    if view.counted:
        rows = await reads.all(view.counted, view_params(view, context, 0))
        return int(rows[0][0])
    return None


async def count(reads: Reads, selection: Selection, context: Context) -> tuple[int, bool]:
    """(count, exact): exact up to 10,000, above that a lower bound unless a counter is kept."""
    kept = await total(reads, selection, context)
    if kept is not None:
        return kept, True
    sql = f"SELECT count(*) FROM (SELECT 1 FROM orders o WHERE {selection.where} LIMIT {COUNT_MAX + 1})"
    found = int((await reads.all(sql, selection.params))[0][0])
    return min(found, COUNT_MAX), found <= COUNT_MAX


async def ids_of(reads: Reads, selection: Selection, limit: int) -> list[int]:
    """The ids of all orders of a selection in the view's order; at most ``limit`` + 1, so that too many can be told."""
    order = "o.id DESC" if selection.view.newest else "o.nprio, o.due_at, o.id"
    sql = f"SELECT o.id FROM orders o WHERE {selection.where} ORDER BY {order} LIMIT ?"
    return [int(row[0]) for row in await reads.all(sql, (*selection.params, limit + 1))]
