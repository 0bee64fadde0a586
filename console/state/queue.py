"""The list as the operator sees it: a run of pages from the core, with cursor and marks held by order id.

While a hand is acting the shown order is frozen: rows change in place, those that left stay (and say so), new ones
are only counted. ``thaw`` takes them in and keeps the cursor on its order.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from console.looking import Look, look_of
from console.state.marks import Chosen, Mark, Marks, chosen_of, mark_of
from console.wire import Row, Window

HEAD = ""  # the start mark of the first page of a view
MAX_PAGES = 24


@dataclass(slots=True)
class Page:
    """Rows that came in one answer. ``start`` is HEAD, the mark they follow, or None when that is not known."""

    start: str | None
    first: str | None
    last: str | None
    ids: list[int] = field(default_factory=list)


class QueueModel:
    """Rows by id, the shown order, the cursor and the marks."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.pages: list[Page] = []
        self.shown: list[int] = []
        self._place: dict[int, int] = {}
        self.cursor: int | None = None
        self.marks = Marks()
        self.anchor: int | None = None
        self.frozen = False
        self.gone: set[int] = set()
        self.fresh: set[int] = set()
        self.above: int | None = 0  # rows before the first page, when the core can tell
        self.total: int | None = None
        self.at_end = False
        self.look: Look | None = None
        self.loaded = False

    # reading

    def place(self, order_id: int | None) -> int | None:
        """Where an order stands in the shown list."""
        return None if order_id is None else self._place.get(order_id)

    def row(self, index: int) -> Row | None:
        """The row shown at an index."""
        return self.rows[self.shown[index]] if 0 <= index < len(self.shown) else None

    def known(self, order_id: int) -> Row | None:
        """The row of an order that is in the list or was marked where it was seen."""
        mark = self.marks.get(order_id)
        return self.rows.get(order_id) or (mark.row if mark is not None else None)

    @property
    def current(self) -> Row | None:
        """The row under the cursor. One that has left is still named, never silently another one."""
        return self.rows.get(self.cursor) if self.cursor is not None else None

    def chosen(self) -> Chosen:
        """What an action would touch: the marks, else the cursor's row."""
        return chosen_of(self.marks, self.current)

    @property
    def count(self) -> int:
        """How many orders that is."""
        return len(self.marks) or (self.current is not None)

    def hidden_marks(self) -> int:
        """Marked orders that this list does not show."""
        return len(self.marks) - len(self.marks.keys() & self._place.keys())

    @property
    def at_head(self) -> bool:
        """Whether the first loaded row is the first of the view."""
        return bool(self.pages) and self.pages[0].start == HEAD

    def next_mark(self, down: bool) -> str | None:
        """The mark from which the list is read on at its lower or upper end."""
        plain = self.pages[-1].last if down else self.pages[0].first
        return self.look.mark if self.look is not None and self.look.down == down else plain

    # windows coming in

    def reset(self, window: Window, head: bool, at_end: bool = False, cursor: int | None = None) -> None:
        """A fresh list: another view, another filter, a jump. The cursor goes to ``cursor`` or to the first row."""
        ids = self._take(window)
        self.pages = [Page(HEAD if head else None, window["first"], window["last"], ids)]
        self.above = 0 if head else window.get("before")
        self.total = window["total"]
        self.at_end = at_end
        self.look = look_of(window, None, not at_end)
        self.loaded = True
        self._show(list(ids))
        self.cursor = cursor if cursor in self._place else (ids[-1 if at_end else 0] if ids else None)
        self.anchor = None

    def append(self, window: Window, size: int) -> int:
        """Rows that follow the last page. Answers how many shown rows were dropped at the top to stay small."""
        ids = self._take(window)
        known = {i for page in self.pages for i in page.ids}
        page = Page(self.next_mark(down=True), window["first"], window["last"], [i for i in ids if i not in known])
        self.at_end = len(ids) < size and not window.get("next")
        self.look = look_of(window, self.look)
        if not ids:
            return 0
        self.pages.append(page)
        self._show(self.shown + [i for i in page.ids if i not in self._place], keep_state=True)
        dropped = 0
        while len(self.pages) > MAX_PAGES:
            out = self.pages.pop(0)
            drop = {i for i in out.ids if i != self.cursor}
            dropped += sum(1 for i in self.shown if i in drop)
            if self.above is not None:
                self.above += len(out.ids)
            self._show([i for i in self.shown if i not in drop], keep_state=True)
        return dropped

    def prepend(self, window: Window, size: int) -> int:
        """Rows that stand before the first page. Answers how many rows were put on top."""
        ids = self._take(window)
        known = {i for page in self.pages for i in page.ids}
        new = [i for i in ids if i not in known]
        start = HEAD if len(ids) < size and not window.get("next") else None
        self.look = look_of(window, self.look, False)
        if not ids and self.look is not None:
            return 0
        if not ids:
            if self.pages:
                self.pages[0].start = HEAD
            self.above = 0
            return 0
        self.pages.insert(0, Page(start, window["first"], window["last"], new))
        if len(self.pages) > 1:
            self.pages[1].start = window["last"]
        if self.above is not None:
            self.above = 0 if start == HEAD else max(self.above - len(ids), 0)
        added = [i for i in new if i not in self._place]
        self._show(added + self.shown, keep_state=True)
        return len(added)

    def reread(self, index: int, window: Window) -> list[int]:
        """A page as the core has it now. Answers the ids whose rows changed; the order changes only when not frozen."""
        page = self.pages[index]
        ids = [row["id"] for row in window["rows"]]
        changed = [row["id"] for row in window["rows"] if self.rows.get(row["id"]) != row]
        self._take(window)
        mine = set(ids)
        left = [i for i in page.ids if i not in mine]
        for other in self.pages:
            if other is not page and not mine.isdisjoint(other.ids):
                other.ids = [i for i in other.ids if i not in mine]
        page.ids, page.first, page.last = ids, window["first"], window["last"]
        if index + 1 < len(self.pages):
            self.pages[index + 1].start = window["last"]
        if self.total != window["total"]:
            self.total = window["total"]
        order = [i for p in self.pages for i in p.ids]
        standing = set(order)
        if not self.frozen:
            if order != self.shown:
                self._settle(order)
            return changed
        now_gone = {i for i in self.gone | set(left) if i not in standing and i in self._place}
        changed += [i for i in now_gone ^ self.gone if i in self._place]
        self.gone = now_gone
        self.fresh = {i for i in standing if i not in self._place}
        return changed

    def thaw(self) -> None:
        """Takes the core's order as it is now; the cursor stays on its order or goes to the nearest that stayed."""
        self.frozen = False
        self._settle([i for p in self.pages for i in p.ids])

    # hands

    def put_cursor(self, index: int) -> None:
        """The cursor on the row at an index, held to the list."""
        if self.shown:
            self.cursor = self.shown[min(max(index, 0), len(self.shown) - 1)]

    def toggle_mark(self) -> None:
        """Marks or unmarks the cursor's row."""
        row = self.current
        if row is None:
            return
        if not self.marks.drop(row["id"]):
            self.marks.put(row["id"], mark_of(row))

    def mark_range(self) -> list[int]:
        """First call sets the anchor, the second marks from it to the cursor. Answers the ids newly marked."""
        here = self.place(self.cursor)
        if here is None:
            return []
        start = self.place(self.anchor)
        if start is None:
            self.anchor = self.cursor
            return []
        low, high = sorted((start, here))
        ids = [i for i in self.shown[low : high + 1] if i not in self.gone]
        for i in ids:
            self.marks.put(i, mark_of(self.rows[i]))
        self.anchor = None
        return ids

    def mark(self, orders: Iterable[tuple[int, int, str]]) -> None:
        """Marks orders by [id, amount, currency], shown or not."""
        for order, amount, currency in orders:
            row = self.rows.get(order)
            self.marks.put(order, Mark(amount, currency) if row is None else mark_of(row))

    def clear_marks(self) -> None:
        """Unmarks everything."""
        self.marks.clear()
        self.anchor = None

    # inside

    def _take(self, window: Window) -> list[int]:
        for row in window["rows"]:
            self.rows[row["id"]] = row
            if row["id"] in self.marks:
                self.marks.put(row["id"], mark_of(row))
        return [row["id"] for row in window["rows"]]

    def _show(self, ids: list[int], keep_state: bool = False) -> None:
        self.shown = ids
        self._place = {order_id: index for index, order_id in enumerate(ids)}
        if not keep_state:
            self.gone, self.fresh = set(), set()
        if len(self.rows) > 2 * len(ids) + 500:
            keep = self._place.keys() | {i for p in self.pages for i in p.ids} | {self.cursor}
            self.rows = {i: row for i, row in self.rows.items() if i in keep}

    def _settle(self, order: list[int]) -> None:
        standing, old, at = set(order), self.shown, self.place(self.cursor)
        if self.cursor not in standing:
            after = old[at:] if at is not None else []
            before = old[:at][::-1] if at is not None else []
            self.cursor = next((i for i in [*after, *before] if i in standing), order[0] if order else None)
        self._show(order)
