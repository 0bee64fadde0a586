"""Rows in the order of their last change: what lists by modified time are served from."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

_BLOCK = 256


class Row(Protocol):
    """What can stand in the index: it remembers when it changed (UTC us) and where it stands."""

    modified: int
    pos: int


R = TypeVar("R", bound=Row)


class Recent(Generic[R]):
    """A log of changes in which each row is alive once, at its last change.

    Live rows are counted by blocks, so that a page deep in a wide window costs its own rows and not the window.
    """

    def __init__(self) -> None:
        self._times = array("q")
        self._rows: list[R | None] = []
        self._live: list[int] = []
        self._alive = 0

    def __len__(self) -> int:
        return self._alive

    def touch(self, row: R, now: int) -> None:
        """The row changed at ``now`` (UTC us, never before an earlier change of any row)."""
        if row.pos >= 0:
            self._rows[row.pos] = None
            self._live[row.pos // _BLOCK] -= 1
        else:
            self._alive += 1
        row.modified = now
        self._append(row)
        if len(self._rows) > 2 * self._alive + 4 * _BLOCK:
            self._compact()

    def count(self, low: int, high: int) -> int:
        """Rows changed within ``low <= modified <= high``."""
        first, last = self._span(low, high)
        return self._count(first, last)

    def page(self, low: int, high: int, skip: int, limit: int) -> list[R]:
        """Rows of the window, newest change first, after ``skip`` of them."""
        first, last = self._span(low, high)
        out: list[R] = []
        at = last
        while at > first and skip:
            start = max(first, (at - 1) // _BLOCK * _BLOCK)
            whole = at % _BLOCK == 0 and start % _BLOCK == 0
            alive = self._live[start // _BLOCK] if whole else self._count(start, at)
            if alive > skip:
                break
            skip -= alive
            at = start
        while at > first and len(out) < limit:
            at -= 1
            row = self._rows[at]
            if row is None:
                continue
            if skip:
                skip -= 1
                continue
            out.append(row)
        return out

    def where(self, low: int, high: int, wanted: Callable[[R], bool]) -> list[R]:
        """All rows of the window for which ``wanted`` is true, newest first."""
        first, last = self._span(low, high)
        return [row for row in self._backwards(first, last) if wanted(row)]

    def _backwards(self, first: int, last: int) -> Iterator[R]:
        for at in range(last - 1, first - 1, -1):
            row = self._rows[at]
            if row is not None:
                yield row

    def _span(self, low: int, high: int) -> tuple[int, int]:
        return bisect_left(self._times, low), bisect_right(self._times, high)

    def _count(self, first: int, last: int) -> int:
        total = 0
        while first < last:
            block = first // _BLOCK
            end = min(last, (block + 1) * _BLOCK)
            if first % _BLOCK == 0 and end == (block + 1) * _BLOCK:
                total += self._live[block]
            else:
                total += sum(1 for row in self._rows[first:end] if row is not None)
            first = end
        return total

    def _append(self, row: R) -> None:
        row.pos = len(self._rows)
        if row.pos % _BLOCK == 0:
            self._live.append(0)
        self._live[-1] += 1
        self._rows.append(row)
        self._times.append(row.modified)

    def _compact(self) -> None:
        alive = [row for row in self._rows if row is not None]
        self._times, self._rows, self._live = array("q"), [], []
        for row in alive:
            self._append(row)
