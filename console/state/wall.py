"""Where the hand is on the wall. The cursor stays on a name (a shop, a product), wherever its line goes, and on a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

TABLES = ("shops", "products", "operators", "channels", "stock", "health")
TOTALS = "totals"
HISTORY = "history"
PAGES = (*TABLES, HISTORY)
SPANS = ("hour", "day", "week")
FIGURES = ("in", "delivered", "backlog", "late", "errors")
_STEP = {"left": -1, "right": 1, "page_up": -10, "page_down": 10}


@dataclass
class WallState:
    """``panel`` and ``table``: where the cursor is, and which page is open where only one fits.

    The history is of one ``figure`` in one ``span``, of one ``shop`` or ("") of all; ``bar`` is the time (UTC us) at which
    the bar under the cursor begins, None: the newest.
    """

    panel: str = TOTALS
    table: str = TABLES[0]
    span: str = SPANS[0]
    figure: str = FIGURES[0]
    shop: str = ""
    bar: int | None = None
    rows: dict[str, str] = field(default_factory=dict)  # panel -> key of its line
    columns: dict[str, int] = field(default_factory=dict)

    def row(self, keys: Sequence[str]) -> int:
        """The line that the cursor is on in its panel, whose lines have these keys."""
        key = self.rows.get(self.panel)
        return keys.index(key) if key in keys else 0

    def column(self, count: int) -> int:
        """The column that it is in, of ``count``."""
        return max(min(self.columns.get(self.panel, 0), count - 1), 0)

    def move(self, action: str, keys: Sequence[str], columns: int) -> None:
        """One move among the lines ``keys`` of its panel; over the edge it goes between totals and table."""
        at = self.row(keys)
        step = {"down": 1, "up": -1, "page_down": 10, "page_up": -10, "home": -len(keys), "end": len(keys)}
        if action in ("left", "right"):
            self.columns[self.panel] = max(min(self.column(columns) + (1 if action == "right" else -1), columns - 1), 0)
        elif action == "up" and at == 0 and self.panel != TOTALS:
            self.panel = TOTALS
        elif action == "down" and at >= len(keys) - 1 and self.panel == TOTALS:
            self.panel = self.table
        elif keys:
            self.rows[self.panel] = keys[max(min(at + step[action], len(keys) - 1), 0)]

    def move_in_history(self, action: str, starts: Sequence[int], shops: Sequence[str]) -> None:
        """One move among its bars, which begin at ``starts``; up and down go through the shops and out at the top."""
        if action in ("up", "down"):
            names = ("", *shops)
            at = names.index(self.shop) if self.shop in names else 0
            if action == "up" and at == 0:
                self.panel = TOTALS
            else:
                self.shop = names[max(min(at + (1 if action == "down" else -1), len(names) - 1), 0)]
        elif starts:
            last = len(starts) - 1
            ends = {"home": 0, "end": last}
            at = ends[action] if action in ends else max(min(self.place(starts) + _STEP[action], last), 0)
            self.bar = None if at == last else starts[at]

    def place(self, starts: Sequence[int]) -> int:
        """Which of the bars that begin at ``starts`` (ascending) the cursor is on."""
        if self.bar is None:
            return len(starts) - 1
        return max(sum(start <= self.bar for start in starts) - 1, 0)

    def turn(self, step: int) -> None:
        """The next page, or the one before."""
        at = PAGES.index(self.table)
        self.table = self.panel = PAGES[(at + step) % len(PAGES)]

    def other_span(self) -> None:
        """The next longer history, and after the longest the shortest."""
        self.span = SPANS[(SPANS.index(self.span) + 1) % len(SPANS)]

    def other_figure(self) -> None:
        """The history of the next figure."""
        self.figure = FIGURES[(FIGURES.index(self.figure) + 1) % len(FIGURES)]

    def other_shop(self, shops: Sequence[str]) -> None:
        """The history of the next shop, and after the last of all together."""
        names = ("", *shops)
        at = names.index(self.shop) if self.shop in names else 0
        self.shop = names[(at + 1) % len(names)]
