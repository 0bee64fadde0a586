"""What the three platforms' doors have in common on this side: a checked call, a page of rows, money as text."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from connectors.practice.recent import Recent, Row

R = TypeVar("R", bound=Row)


class Call(NamedTuple):
    """A request that passed the gateway's checks. ``deck``: list, read or effect."""

    method: str
    deck: str
    params: dict[str, str]


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals: 1990 -> "19.90"."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def parse_count(text: str, most: int) -> int | None:
    """A whole number from 1 to ``most``, or None."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    number = int(text)
    return number if 1 <= number <= most else None


def rows_of(
    recent: Recent[R], low: int, high: int, page: int, size: int, wanted: Callable[[R], bool] | None, fault: str = ""
) -> tuple[list[R], int, bool]:
    """One page (from 1) of the window, newest change first: rows, rows in the whole window, whether more follow.

    ``fault`` "overlap" repeats a row of the page; "reorder" turns the page round. Neither hides a row.
    """
    skip = (page - 1) * size
    if wanted is None:
        total = recent.count(low, high)
        rows = recent.page(low, high, skip, size)
    else:
        fitting = recent.where(low, high, wanted)
        total, rows = len(fitting), fitting[skip : skip + size]
    if fault == "overlap":
        rows = rows + rows[:1]
    elif fault == "reorder":
        rows = rows[::-1]
    return rows, total, total > skip + size
