"""Lines of cells for the lists of the back office: widths in terminal cells, what does not fit is cut with a sign."""

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

from console.i18n import t
from console.presenters.cells import fit


class Column(NamedTuple):
    """``key`` names the word above it; ``right`` for figures. A width of 0 takes what the others leave, ``most`` of it."""

    key: str
    width: int
    right: bool = False
    most: int = 1000


def widths(columns: Sequence[Column], room: int) -> list[int]:
    """The width of each column; those with 0 share what is left, each at least 8."""
    free = [column for column in columns if not column.width]
    left = room - sum(column.width for column in columns) - len(columns) + 1
    share = max(left // len(free), 8) if free else 0
    return [column.width or min(share, column.most) for column in columns]


def header(columns: Sequence[Column], room: int) -> Content:
    """The words above the columns."""
    cells = zip(columns, widths(columns, room), strict=True)
    return Content(" ".join(fit(t(column.key), width, column.right) for column, width in cells))


def line(columns: Sequence[Column], room: int, cells: Sequence[str | tuple[str, str]]) -> Content:
    """One line; a cell is text, or text with its look."""
    parts: list[str | tuple[str, str]] = []
    for column, width, cell in zip(columns, widths(columns, room), cells, strict=True):
        text, look = (cell, "") if isinstance(cell, str) else cell
        if parts:
            parts.append(" ")
        parts.append((fit(text, width, column.right), look))
    return Content.assemble(*parts)
