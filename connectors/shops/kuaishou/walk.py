"""Reading Kuaishou's lists: windows made so small that each fits one page.

Whether a cursor stands for a place or for a count is not documented, and rows that change while they are read move. A
window that fits one page cannot shift. Only a second that holds more rows than a page is read on by its cursor.
"""

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from core.ports import ConnectorError

LEAST = 1000  # ms, the smallest window
_PAGES = 400  # in one window, before the platform is taken to go round in circles


class Mark(Struct, frozen=True, omit_defaults=True):
    """How far a list has been read: everything up to ``high`` (UTC ms). ``at``: where reading goes on, 0 at its end.

    ``turn`` makes each mark unique.
    """

    high: int
    at: int = 0
    turn: int = 0


class Page(Struct, frozen=True):
    """Raw rows, and the cursor of the next page, "" when there is none."""

    rows: list[msgspec.Raw]
    cursor: str


Fetch = Callable[[int, int, str, int], Awaitable[Page]]  # begin, end (ms), cursor, page (from 1)


class Cursor(Struct, frozen=True):
    """How far orders and after-sales have been read; its JSON text is what the core keeps."""

    orders: Mark
    refunds: Mark

    @classmethod
    def read(cls, text: str | None, start: int) -> "Cursor":
        """From text; without text both lists start at ``start`` (UTC ms). Raises ConnectorError."""
        if text is None:
            return cls(Mark(high=start), Mark(high=start))
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    def text(self) -> str:
        """As the core keeps it."""
        return msgspec.json.encode(self).decode()


class Walk:
    """Walks one list. ``widest``: the widest window the platform allows; all times in ms.

    Each reading starts ``overlap`` before what was read last, and every ``deep_every`` by ``deep``.
    """

    def __init__(self, widest: int, overlap: int, deep: int, deep_every: int = 30_000, budget: int = 500) -> None:
        self._widest, self._overlap, self._deep, self._deep_every = widest, overlap, deep, deep_every
        self._budget, self._span = budget, widest
        self._deep_at: int | None = None

    async def step(self, mark: Mark, now: int, fetch: Fetch) -> tuple[list[msgspec.Raw], Mark, bool]:
        """Rows, the next mark, and whether to call again at once. Errors of ``fetch`` pass through."""
        rows: list[msgspec.Raw] = []
        high, begin = mark.high, mark.at or self._begin(mark, now)
        for _ in range(40):
            end = max(min(begin + self._span, now), begin)
            page = await fetch(begin, end, "", 1)
            if page.cursor and end - begin > LEAST:
                self._span = max((end - begin) // 2, LEAST)
                continue
            rows += page.rows
            if page.cursor:
                rows += await self._rest(begin, end, page.cursor, fetch)
            else:
                self._span = min(self._span * 2, self._widest)
            high, begin = max(high, end), end
            if end >= now or len(rows) >= self._budget:
                break
        behind = begin < now
        return rows, Mark(high=high, at=begin if behind else 0, turn=mark.turn + 1), behind

    def _begin(self, mark: Mark, now: int) -> int:
        due = self._deep_at is None or not 0 <= now - self._deep_at < self._deep_every
        if due:
            self._deep_at = now
        return min(mark.high, now) - (self._deep if due else self._overlap)

    async def _rest(self, begin: int, end: int, cursor: str, fetch: Fetch) -> list[msgspec.Raw]:
        rows: list[msgspec.Raw] = []
        for number in range(2, _PAGES):
            page = await fetch(begin, end, cursor, number)
            rows += page.rows
            if not page.cursor:
                return rows
            if page.cursor == cursor:
                break
            cursor = page.cursor
        raise ConnectorError("protocol", "the list has no end")
