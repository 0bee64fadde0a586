"""Where the hand is on the wall. The cursor stays on a name (a shop, a product), wherever its line goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

TABLES = ("shops", "products", "operators", "channels", "stock", "health")
TOTALS = "totals"
SPANS = ("minutes", "series")  # the last hours by the minute, or the day


@dataclass
class WallState:
    """``panel`` and ``table``: where the cursor is, and which table is open where only one fits."""

    panel: str = TOTALS
    table: str = TABLES[0]
    span: str = SPANS[0]
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

    def turn(self, step: int) -> None:
        """The next table, or the one before."""
        at = TABLES.index(self.table)
        self.table = self.panel = TABLES[(at + step) % len(TABLES)]

    def other_span(self) -> None:
        """The other history."""
        self.span = SPANS[(SPANS.index(self.span) + 1) % len(SPANS)]
