"""Windows on the views of the queue by keyset, and the orders of a selection."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from core.desk.filter import Context, Sql, compile_filter
from core.desk.filter_text import tokens
from core.desk.filter_times import Ids, ids_of_times
from core.desk.reads import Reads, Row
from core.desk.refusals import bad_request
from core.desk.rows import COLUMNS, Frame, present
from core.desk.view_table import INDEXED, VIEWS, WALKED, View

__all__ = ["INDEXED", "VIEWS", "View"]

LIMIT_MAX = 500
END = "end"  # as ``before``: the window at the end of the list
# A filter that matches little is looked for in slices of so many orders, together what one window may cost.
SLICES = (2_000, 6_000, 12_000)


class Selection(NamedTuple):
    """A view with a filter, ready to be used in a statement."""

    view: View
    where: str
    params: tuple[str | int, ...]
    bare: bool
    ids: Ids = Ids()  # those that can match at all; known of walks by time only

    @property
    def sparse(self) -> bool:
        """Whether a window may have to walk past many orders that do not belong to it."""
        return self.view in WALKED and not (self.bare and self.view == VIEWS["work"])


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
    ids = ids_of_times(tokens(filter_text)) if found.newest else Ids()
    if not ids.all:
        where, params = f"{where} AND o.id BETWEEN ? AND ?", (*params, *ids)
    return Selection(found, where, params, not extra.where, ids)


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


Key = tuple[int, ...]


def frame_of(view: View, page: Page, start: Key | None, stop: Key | None = None) -> tuple[str, Key, str]:
    """What keeps a statement between two keys, its values, and the order it reads in. ``stop`` belongs to it."""
    key = "(o.id)" if view.newest else "(o.nprio, o.due_at, o.id)"
    descending = view.newest != bool(page.before)  # `before=end` has no start: the last window
    forth, back = ("<", ">") if descending else (">", "<")
    where = ""
    if start is not None:
        sign = forth if page.after or page.before else f"{forth}="
        where = f" AND {key} {sign} ({', '.join('?' for _ in start)})"
    if stop is not None:
        where += f" AND {key} {back}= ({', '.join('?' for _ in stop)})"
    direction = " DESC" if descending else ""
    order = ", ".join(f"{column}{direction}" for column in key.strip("()").split(", "))
    return where, (start or ()) + (stop or ()), order


def window_sql(selection: Selection, page: Page, start: Key | None, stop: Key | None = None) -> Sql:
    """The statement of a window. ``start``: the keyset tuple that it begins at (``at``) or next to (after, before);
    ``stop``: the last one that it looks at."""
    between, keys, order = frame_of(selection.view, page, start, stop)
    sql = f"SELECT {COLUMNS} FROM orders o WHERE {selection.where}{between} ORDER BY {order} LIMIT ?"
    return Sql(sql, (*selection.params, *keys, page.limit))


def stop_sql(view: View, page: Page, start: Key | None, size: int) -> Sql:
    """The statement for the key ``size`` orders on, whatever the filter: read from the index alone."""
    between, keys, order = frame_of(view, page, start)
    columns, base = ("o.id", "true") if view.newest else ("o.nprio, o.due_at, o.id", "o.stage < 4")
    sql = f"SELECT {columns} FROM orders o WHERE {base}{between} ORDER BY {order} LIMIT 1 OFFSET ?"
    return Sql(sql, (*keys, size - 1))


class _Walk(NamedTuple):
    """Rows of a window and, when it ended for having looked at enough: the key up to which it looked, and at how many."""

    rows: list[Row]
    stop: Key | None = None
    looked: int = 0


async def _walk(reads: Reads, selection: Selection, page: Page, start: Key | None, slices: Sequence[int]) -> _Walk:
    if not selection.sparse:
        return _Walk(await reads.all(*window_sql(selection, page, start)))
    rows: list[Row] = []
    stop: Key | None = None
    page, start = enter(selection, page, start)
    for size in slices:
        found = await reads.all(*stop_sql(selection.view, page, start, size))
        stop = slice_end(selection, page, found)
        left = page._replace(limit=page.limit - len(rows))
        rows += await reads.all(*window_sql(selection, left, start, stop))
        if stop is None or len(rows) == page.limit:
            return _Walk(rows)
        start, page = stop, page if page.before else page._replace(after=mark(stop))
    return _Walk(rows, stop, sum(slices))


def enter(selection: Selection, page: Page, start: Key | None) -> tuple[Page, Key | None]:
    """Where to begin to look: a walk by time begins at the times that are asked for."""
    if selection.ids.all:
        return page, start
    at = selection.ids.entry(start[0] if start else None, bool(page.before))
    if at is None or (start is not None and at == start[0]):
        return page, start
    return (page if page.before else page._replace(after=str(at), at=None)), (at,)


def slice_end(selection: Selection, page: Page, found: Sequence[Row]) -> Key | None:
    """The key at which a slice ends; None when nothing beyond it can match."""
    if not found or (not selection.ids.all and selection.ids.end_at(found[0][0], bool(page.before))):
        return None
    return tuple(found[0])


def mark(key: Key) -> str:
    """A key as an opaque mark."""
    return ".".join(map(str, key))


def mark_of(view: View, row: Row) -> str:
    """The opaque keyset mark of an order row read with ``COLUMNS``."""
    return str(row[0]) if view.newest else f"{row[15]}.{row[23]}.{row[0]}"


def _start(view: View, mark: str) -> Key:
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
    """``{"rows", "first", "last", "before", "next", "looked", "looked_to"}``.

    ``before`` is 0 when nothing stands above the window, None otherwise. ``next`` is the mark at which to look on (as
    ``after``, or ``before`` when going back) when the window ended for having looked at enough orders, else None;
    ``looked`` is then at how many, and ``looked_to`` when the last of them was received, where they stand by time.
    """
    view = selection.view
    start: Key | None = None
    if page.after or (page.before and page.before != END):
        start = _start(view, page.after or page.before)
    elif page.at is not None:
        found = await reads.all("SELECT id, nprio, due_at FROM orders WHERE id = ?", (page.at,))
        if found:
            start = (found[0][0],) if view.newest else (found[0][1], found[0][2], found[0][0])
    rows, stop, looked = await _walk(reads, selection, page, start, SLICES)
    if page.before:
        rows.reverse()
    to: int | None = None
    if stop is not None and view.newest:
        to = int((await reads.all("SELECT received_at FROM orders WHERE id = ?", (stop[-1],)))[0][0])
    first = mark_of(view, rows[0]) if rows else None
    last = mark_of(view, rows[-1]) if rows else None
    return {
        "rows": await present(reads, rows, frame),
        "first": first,
        "last": last,
        "before": None
        if (start is not None or page.before == END) and first and await _anything_before(reads, selection, first)
        else 0,
        "next": mark(stop) if stop is not None else None,
        "looked": looked,
        "looked_to": to,
    }


async def _anything_before(reads: Reads, selection: Selection, first: str) -> bool:
    start = _start(selection.view, first)
    seen = await _walk(reads, selection, Page(1, before=first), start, SLICES[:2])
    return bool(seen.rows) or seen.stop is not None  # not known to be the head is not the head


async def first_ids(reads: Reads, selection: Selection, limit: int) -> list[int]:
    """The ids of the first orders of a selection in the view's order, looked for slice by slice to the end."""
    found: list[int] = []
    page, start = Page(limit), None
    while True:
        rows, start, _ = await _walk(reads, selection, page._replace(limit=limit - len(found)), start, SLICES)
        found += [int(row[0]) for row in rows]
        if start is None or len(found) >= limit:
            return found
        page = page._replace(after=mark(start))


def ids_sql(selection: Selection, limit: int) -> Sql:
    """The ids of all orders of a selection in the view's order; at most ``limit`` + 1, so that too many can be told."""
    order = "o.id DESC" if selection.view.newest else "o.nprio, o.due_at, o.id"
    sql = f"SELECT o.id FROM orders o WHERE {selection.where} ORDER BY {order} LIMIT ?"
    return Sql(sql, (*selection.params, limit + 1))


async def ids_of(reads: Reads, selection: Selection, limit: int) -> list[int]:
    """What ``ids_sql`` finds."""
    return [int(row[0]) for row in await reads.all(*ids_sql(selection, limit))]
