"""Reading WeChat's list of order numbers: windows small enough for one page, and the orders with an open after-sale.

The list is paged by an opaque key, and whether rows may move under it is not documented; a window that fits one page
cannot. Only a second with more changes than a page holds is read on by its key. That a change of an after-sale shows as
a change of its order is not documented either, so orders that have an open one are looked at again by the clock.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from core.ports import ConnectorError

WIDEST: Final = 7 * 86_400  # seconds, the widest window the platform allows
_PAGES: Final = 200
_BUDGET: Final = 300  # orders a step: each is a call or more
_AGAIN: Final = 20  # seconds between two looks at an order with an open after-sale
_AT_ONCE: Final = 20


class Place(Struct, frozen=True, omit_defaults=True):
    """How far the list has been read (UTC seconds), and when which order is due again. ``turn`` makes each unique."""

    high: int
    at: int = 0  # where reading goes on, 0 at the end
    open: dict[str, int] = {}
    turn: int = 0

    @classmethod
    def read(cls, text: str | None, start: int) -> "Place":
        """What the core kept, else ``start``. Raises ConnectorError."""
        if text is None:
            return cls(high=start)
        try:
            return msgspec.json.decode(text, type=cls)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    def text(self) -> str:
        """As the core keeps it."""
        return msgspec.json.encode(self).decode()

    def due(self, now: int) -> list[str]:
        """Orders whose after-sale is to be looked at."""
        waiting = sorted((at, number) for number, at in self.open.items() if at <= now)
        return [number for _, number in waiting[:_AT_ONCE]]

    def noted(self, looked: dict[str, bool], now: int) -> "Place":
        """After these orders were looked at; True: an after-sale is open."""
        kept = {number: at for number, at in self.open.items() if number not in looked}
        kept |= {number: now + _AGAIN for number, is_open in looked.items() if is_open}
        return msgspec.structs.replace(self, open=kept)


class Page(Struct, frozen=True):
    """Order numbers, and the key of the next page, "" when there is none."""

    numbers: list[str]
    key: str


Fetch = Callable[[int, int, str], Awaitable[Page]]  # begin, end (UTC seconds), key


class Walk:
    """Each reading starts ``overlap`` seconds before what was read last, and every ``deep_every`` by ``deep``."""

    def __init__(self, overlap: int, deep: int, deep_every: int = 30) -> None:
        self._overlap, self._deep, self._deep_every = overlap, deep, deep_every
        self._span = WIDEST
        self._deep_at: int | None = None

    async def step(self, place: Place, now: int, fetch: Fetch) -> tuple[list[str], Place, bool]:
        """Changed orders, the next place, and whether to call again at once. Errors of ``fetch`` pass through."""
        numbers: dict[str, None] = {}
        high, begin = place.high, place.at or self._begin(place, now)
        for _ in range(40):
            end = max(min(begin + self._span, now), begin)
            page = await fetch(begin, end, "")
            if page.key and end > begin:
                self._span = max((end - begin) // 2, 0)
                continue
            numbers |= dict.fromkeys(page.numbers)
            if page.key:
                numbers |= dict.fromkeys(await self._rest(begin, end, page.key, fetch))
            else:
                self._span = min(max(self._span * 2, 1), WIDEST)
            # Both ends of a window count, so the next begins a second later.
            high, begin = max(high, end), end + 1
            if end >= now or len(numbers) >= _BUDGET:
                break
        behind = begin <= now
        after = msgspec.structs.replace(place, high=high, at=begin if behind else 0, turn=place.turn + 1)
        return list(numbers), after, behind

    def _begin(self, place: Place, now: int) -> int:
        due = self._deep_at is None or not 0 <= now - self._deep_at < self._deep_every
        if due:
            self._deep_at = now
        return min(place.high, now) - (self._deep if due else self._overlap)

    async def _rest(self, begin: int, end: int, key: str, fetch: Fetch) -> list[str]:
        numbers: list[str] = []
        for _ in range(_PAGES):
            page = await fetch(begin, end, key)
            numbers += page.numbers
            if not page.key:
                return numbers
            if page.key == key:
                break
            key = page.key
        raise ConnectorError("protocol", "the list has no end")
