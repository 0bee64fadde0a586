"""An order as the cells of a queue row, for a given width."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from console.i18n import t
from console.presenters.cells import Glyphs, amount, fit, span, tail
from console.presenters.claims import NAME_CELLS, claim_cell
from console.presenters.words import state_words
from console.wire import Row

Cell = tuple[str, str]  # text of exactly the column's width, name of its look


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its width in cells."""

    name: str
    cells: int
    right: bool = False


# What a column is worth: when the pane is narrow the last of this list go first. Widths: least, and share of the rest.
_PLAN: tuple[tuple[str, int, int, bool], ...] = (
    ("ext_id", 14, 6, False),
    ("why", 12, 2, False),
    ("amount", 10, 0, True),
    ("age", 4, 0, True),
    ("left", 4, 0, True),
    ("product", 12, 8, False),
    ("shop", 8, 3, False),
    ("tag", 6, 1, False),
    ("buyer", 10, 4, False),
    ("qty", 3, 0, True),
)
_ORDER = ("ext_id", "shop", "product", "qty", "amount", "buyer", "why", "age", "left", "tag")


def layout(width: int) -> tuple[Column, ...]:
    """The columns that fit in ``width`` cells (two are for the mark, one between columns), widened to use the rest."""
    chosen: list[tuple[str, int, int, bool]] = []
    room = width - 2
    for plan in _PLAN:
        if plan[1] + 1 > room:
            break
        chosen.append(plan)
        room -= plan[1] + 1
    weight = sum(p[2] for p in chosen) or 1
    widths = {p[0]: p[1] + min(room * p[2] // weight, 2 * p[1]) for p in chosen}
    rights = {p[0]: p[3] for p in chosen}
    return tuple(Column(name, widths[name], rights[name]) for name in _ORDER if name in widths)


def header(columns: tuple[Column, ...], width: int) -> str:
    """The line above the rows."""
    return fit("  " + " ".join(fit(t(f"col.{c.name}"), c.cells, c.right) for c in columns), width)


def _why_look(row: Row) -> str:
    if row["cases"] or row["why"].startswith(("case", "unknown", "blocked", "writeback_failed")):
        return "bad"
    if row["holds"] or row["why"].startswith(("hold", "refund", "under")):
        return "warn"
    if row["stage"] in ("delivered", "closed"):
        return "good"
    return "dim" if row["why"] == "unpaid" else "plain"


def time_cells(row: Row, now: int) -> tuple[str, str]:
    """Age and time left, the only cells that move by themselves. ``now`` is UTC us."""
    deadline = row["deadline"]
    ended = row["stage"] in ("delivered", "closed", "cancelled")
    return span(max(now - row["created_at"], 0)), "" if deadline is None or ended else span(deadline - now)


def moving(row: Row, now: int) -> tuple[str, str, str]:
    """The cells that move by themselves: age, time left, and whose claim it is for how long yet."""
    return (*time_cells(row, now), claim_cell(row, now))


def cells(row: Row, columns: tuple[Column, ...], now: int, glyphs: Glyphs) -> list[Cell]:
    """The row's cells in column order. Late orders carry ``!`` before the time left, so colour is never alone."""
    age, left = time_cells(row, now)
    late = row["lateness"]
    if left and late in ("late", "warn"):
        left = ("!" if late == "late" else "") + left.lstrip("-")
    out: list[Cell] = []
    for column in columns:
        look = "plain"
        match column.name:
            case "ext_id":
                text, look = tail(row["ext_id"], column.cells, glyphs.cut), "id"
            case "shop":
                text, look = row["shop"], "dim"
            case "product":
                text = row["title"] or row["product"]
            case "qty":
                text = str(row["qty"]) if row["qty"] != 1 else ""
            case "amount":
                text = amount(row["amount"], row["currency"])
                look = "strong" if row["priority"] > 0 else "plain"
            case "buyer":
                text = row["buyer"]
            case "why":
                text, look = state_words(row), _why_look(row)
                held = claim_cell(row, now, NAME_CELLS if column.cells > 16 else 4)
                if held:  # beside the state, which gives way
                    text = f"{set_cell_size(text, max(column.cells - cell_len(held) - 1, 3)).rstrip()} {held}"
            case "age":
                text, look = age, "dim"
            case "left":
                text, look = left, {"late": "bad", "warn": "warn"}.get(late, "dim")
            case _:
                text, look = row["tag"], "tag"
        out.append((fit(text, column.cells, column.right, glyphs.cut), look))
    return out
