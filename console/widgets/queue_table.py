"""The live queue: virtual rows through the Line API, only dirty rows drawn, cursor and marks by order id.

DataTable is not used: any changed cell makes it render every visible row, and its cursor is a row number.
"""

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from console.presenters import row as rows
from console.presenters.cells import UNICODE, Glyphs
from console.state.queue import QueueModel
from console.widgets.direct import Direct
from console.wire import Row
from core.model.clock import Clock

LOOKS = ("plain", "id", "dim", "strong", "good", "warn", "bad", "tag")
FOLLOW_S = 0.01  # what follows the cursor is drawn so much later: the row itself goes to the terminal first
STATES = ("row", "cursor", "marked", "gone")


class QueueTable(Direct, can_focus=True):
    """Draws a QueueModel. It asks for more rows by message and never talks to the core itself."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"queue--{name}" for name in (*LOOKS, "cursor", "marked", "gone")}

    class Wants(Message):
        """The cursor comes near the end of the loaded rows, or off their start."""

        def __init__(self, down: bool) -> None:
            super().__init__()
            self.down = down

    class Moved(Message):
        """The cursor stands on another order, or the rows under it changed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, QueueTable.Moved)

    def __init__(self, clock: Clock, glyphs: Glyphs = UNICODE, direct: bool = True, id: str | None = None) -> None:
        super().__init__(direct, id)
        self.model = QueueModel()
        self.top = 0
        self.columns = rows.layout(80)
        self._clock, self._glyphs = clock, glyphs
        self._styles: dict[tuple[str, str], Style] = {}
        self._cache: dict[tuple[int, str], tuple[object, Strip]] = {}
        self._telling: asyncio.TimerHandle | None = None
        self.labels: dict[int, str] = {}  # letters before rows, by order, while one is jumping
        self._times: dict[int, tuple[str, str, str]] = {}

    # drawing

    def resized(self) -> None:
        """Another width may mean other columns."""
        super().resized()
        self.columns = rows.layout(self.size.width)
        self._hold_cursor_in_view()
        self.post_message(self.Moved())

    def forget(self) -> None:
        """Every drawn row is stale."""
        super().forget()
        self._styles.clear()
        self._cache.clear()

    def _style(self, state: str, look: str) -> Style:
        found = self._styles.get((state, look))
        if found is None:
            found = self.get_component_rich_style(f"queue--{look}")
            if state != "row":
                over = self.get_component_rich_style(f"queue--{state}")
                # The cursor's and a mark's background must show whatever the cell's own look is.
                found = found + (over if state != "marked" else Style(bgcolor=over.bgcolor))
            self._styles[(state, look)] = found
        return found

    def strip(self, index: int) -> Strip:
        """One drawn row; from the cache when nothing in it changed."""
        width = self.size.width
        row = self.model.row(index)
        if row is None:
            return Strip([Segment(" " * width, self._style("row", "plain"))], width)
        id = row["id"]
        now = self._clock()
        marked, gone = id in self.model.marks, id in self.model.gone
        state = "cursor" if id == self.model.cursor else "marked" if marked else "gone" if gone else "row"
        times = self._times[id] = rows.moving(row, now)
        label = self.labels.get(id, "")
        key = (row["version"], label, marked, gone, id == self.model.anchor, times, width, _live(row))
        cached = self._cache.get((id, state))
        if cached is not None and cached[0] == key:
            return cached[1]
        sign = self._glyphs.mark if marked else self._glyphs.claimed if times[2] else " "
        sign += self._glyphs.gone if gone else "|" if id == self.model.anchor else " "
        parts = [Segment(sign, self._style(state, "tag" if marked else "dim"))]
        if label:
            parts = [Segment(f"{label:<2}", self._style(state, "bad") + Style(reverse=True))]
        gap = Segment(" ", self._style(state, "plain"))
        used = 2
        for (text, look), column in zip(rows.cells(row, self.columns, now, self._glyphs), self.columns, strict=True):
            parts += (Segment(text, self._style(state, look)), gap)
            used += column.cells + 1
        strip = Strip(parts, used).adjust_cell_length(width, self._style(state, "plain")).simplify()
        if len(self._cache) > 600:
            self._cache.clear()
            self._times.clear()  # else one entry of every order that was ever in view would stay
        self._cache[(id, state)] = (key, strip)
        return strip

    def render_line(self, y: int) -> Strip:
        """A line of the widget, for whoever composes the screen."""
        return self.strip(self.top + y)

    def draw(self, indexes: Iterable[int], hold: bool = False) -> None:
        """Draws these rows again, if they are in view."""
        self.draw_lines((i - self.top for i in indexes), hold)

    def draw_all(self) -> None:
        """Draws every row in view again."""
        self.draw(range(self.top, self.top + max(self.size.height, 1)))

    def draw_ids(self, ids: Iterable[int], hold: bool = False) -> None:
        """Draws the rows of these orders again."""
        places = (self.model.place(i) for i in ids)
        self.draw([p for p in places if p is not None], hold)

    def tick(self) -> None:
        """Draws the rows whose age, time left or claim reads otherwise than it is shown."""
        now = self._clock()
        stale = []
        for index in range(self.top, min(self.top + self.size.height, len(self.model.shown))):
            row = self.model.row(index)
            if row is not None and self._times.get(row["id"]) != rows.moving(row, now):
                stale.append(index)
        self.draw(stale)

    # moving

    def _hold_cursor_in_view(self) -> bool:
        """Scrolls just enough to see the cursor. Answers whether it scrolled."""
        height = max(self.size.height, 1)
        at = self.model.place(self.model.cursor) or 0
        top = min(max(self.top, at - height + 1), at)
        top = max(min(top, len(self.model.shown) - height), 0)
        scrolled, self.top = top != self.top, top
        return scrolled

    def cursor_line(self) -> int:
        """The line that the cursor stands on, for keeping it there when rows move around it."""
        return (self.model.place(self.model.cursor) or 0) - self.top

    def relisted(self, line: int | None = None) -> None:
        """The shown order changed: keep the cursor's order on its line and draw what differs."""
        at = self.model.place(self.model.cursor)
        if line is not None and at is not None:
            self.top = at - line
        self._hold_cursor_in_view()
        self.draw_all()
        self.post_message(self.Moved())

    def shift(self, count: int) -> None:
        """Rows were put on top (or dropped there, when negative) without moving what is in view."""
        self.top = max(self.top + count, 0)

    def move(self, action: str) -> None:
        """Moves the cursor: down, up, page_down, page_up. Asks for more rows in time."""
        model = self.model
        at = model.place(model.cursor)
        if at is None:
            at = self.top
        page = max(self.size.height - 1, 1)
        step = {"down": 1, "up": -1, "page_down": page, "page_up": -page}[action]
        old = model.cursor
        model.put_cursor(at + step)
        if abs(step) > 1:
            self.top = max(min(self.top + step, len(model.shown) - self.size.height), 0)
        if self._hold_cursor_in_view() or abs(step) > 1:
            self.draw_all()
        elif model.cursor != old:
            self.draw_ids([i for i in (old, model.cursor) if i is not None])
        near = at + step + 2 * page
        # To look on through what seldom matches costs something: only a hand at the end of what was found asks for it.
        asks = model.look is None or at + step >= len(model.shown)
        if step > 0 and near >= len(model.shown) and not model.at_end and asks:
            self.post_message(self.Wants(down=True))
        elif step < 0 and at + step - 2 * page < 0 and not model.at_head:
            self.post_message(self.Wants(down=False))
        if not self.painter.enabled:
            self.post_message(self.Moved())
        elif self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(FOLLOW_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self.post_message(self.Moved())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the cursor; the mouse is never needed."""
        event.stop()
        self.move("down")

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor; the mouse is never needed."""
        event.stop()
        self.move("up")

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a row."""
        old = self.model.cursor
        if self.top + event.y < len(self.model.shown):
            self.model.put_cursor(self.top + event.y)
            self.draw_ids([i for i in (old, self.model.cursor) if i is not None])
            self.post_message(self.Moved())


def _live(row: Row) -> tuple[object, ...]:
    """What may change without a new version: claims and time are not part of an order's own row."""
    claim = row["claim"]
    return row["lateness"], claim["by"] if claim else None, row["why"], row["amount"], row["tag"], row["stage"]
