"""Reading a list that is sorted newest-modified first and shifts while it is read.

Platforms with such lists (TOP, PDD) ask for time windows of at most 30 minutes and for the last page first: a row that
changes meanwhile leaves the window, the rows behind it move up, and a forward reader would step over one of them.
Windows overlap, a few seconds at each pull and minutes every now and then, because a row may become visible late.
"""

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec
from msgspec import Struct

PAGE = 100  # rows a page, the most that TOP and PDD give
SPAN = 30 * 60  # seconds a window


class Mark(Struct, frozen=True, omit_defaults=True):
    """How far a list has been read: all windows up to ``high`` are done; ``start``-``end`` is being read at ``page``.

    Times are whole UTC seconds; ``page`` counts down, 0 when no window is open. ``turn`` makes each mark unique.
    """

    high: int
    start: int = 0
    end: int = 0
    page: int = 0
    turn: int = 0


class Page(Struct, frozen=True):
    """One page of raw rows, newest first; ``total`` of the window only when it was asked for."""

    rows: list[msgspec.Raw]
    total: int | None = None


Fetch = Callable[[int, int, int, bool], Awaitable[Page]]  # start, end, page, count


class Walker:
    """Walks one list. Windows overlap by ``overlap`` seconds; at the start and every ``deep_every`` seconds by ``deep``."""

    def __init__(self, overlap: int = 3, deep: int = 60, deep_every: int = 30, budget: int = 500) -> None:
        self._overlap, self._deep, self._deep_every, self._budget = overlap, deep, deep_every, budget
        self._deep_at: int | None = None

    async def step(self, mark: Mark, now: int, fetch: Fetch) -> tuple[list[msgspec.Raw], Mark, bool]:
        """Rows (oldest change first), the next mark, and whether to call again at once.

        ``now``: UTC seconds. Reads up to ``budget`` rows or a dozen empty windows. Errors of ``fetch`` pass through.
        """
        rows: list[msgspec.Raw] = []
        for _ in range(12):
            if mark.page == 0:
                mark, page = await self._open(mark, now, fetch)
                if mark.page == 0:
                    rows += reversed(page.rows)
            while mark.page > 0 and len(rows) < self._budget:
                page = await fetch(mark.start, mark.end, mark.page, False)
                rows += reversed(page.rows)
                left = mark.page - 1
                mark = msgspec.structs.replace(mark, page=left, high=mark.high if left else max(mark.high, mark.end))
            behind = mark.page > 0 or mark.high < now - 1
            if not behind or len(rows) >= self._budget:
                return rows, msgspec.structs.replace(mark, turn=mark.turn + 1), behind
        return rows, msgspec.structs.replace(mark, turn=mark.turn + 1), True

    async def _open(self, mark: Mark, now: int, fetch: Fetch) -> tuple[Mark, Page]:
        deep = self._deep_at is None or now - self._deep_at >= self._deep_every or now < self._deep_at
        behind = now - mark.high > SPAN
        start = min(mark.high, now) - (self._deep if deep and not behind else self._overlap)
        end = min(start + SPAN, now)
        first = await fetch(start, end, 1, True)
        if (first.total or 0) > PAGE and end >= now:
            # Rows of the running second would push others down a page that was read already: leave it out.
            end = now - 1
            first = await fetch(start, end, 1, True)
        if deep and not behind:
            self._deep_at = now
        pages = math.ceil((first.total or 0) / PAGE)
        if pages <= 1:
            return Mark(high=max(mark.high, end), turn=mark.turn), first
        return Mark(high=mark.high, start=start, end=end, page=pages, turn=mark.turn), first


class Seen:
    """Rows that the core has committed already, so that overlaps cost a glance and not a write.

    A row counts as seen only once the core comes back with the cursor that was handed out beside it; a repeated or
    older cursor forgets everything.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._offered: dict[bytes, None] = {}
        self._pending: dict[bytes, None] = {}
        self._cursor: str | None = None

    def begin(self, cursor: str | None) -> None:
        """A pull with this cursor starts."""
        if cursor is not None and cursor == self._cursor:
            for digest in self._offered:
                self._known[digest] = None
                self._known.move_to_end(digest)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        else:
            self._known.clear()
        self._offered, self._pending = {}, {}

    def fresh(self, raw: bytes | memoryview) -> bool:
        """False when exactly this row was committed, or is in this batch already."""
        digest = sha256(raw).digest()
        if digest in self._known or digest in self._pending:
            return False
        self._pending[digest] = None
        return True

    def end(self, cursor: str) -> None:
        """The batch goes out with this cursor."""
        self._cursor, self._offered = cursor, self._pending
