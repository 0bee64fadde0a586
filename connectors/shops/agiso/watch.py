"""Orders that a push has told of and that are not at their end: looked at again now and then, as pushes get lost.

Agiso has no list of orders. The watch is what its cursor holds, so that it outlives the process.
"""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from core.model.order import OrderUpdate, PlatformState, RefundState
from core.ports import ConnectorError

MOST: Final = 5_000  # orders; beyond that the one that is due last is forgotten
AT_ONCE: Final = 10  # a pull; two calls each, and 20 a second are allowed
_SHORT, _LONG = 15, 3_600  # seconds between two looks at an order, as old as it is
_DAYS: Final = 3 * 86_400
_DONE = (PlatformState.FINISHED, PlatformState.CANCELLED, PlatformState.REFUNDED)


class _Entry(Struct, array_like=True):
    since: int
    due: int


class _Kept(Struct, frozen=True):
    watch: dict[str, _Entry]


class Watch:
    """Times are UTC seconds."""

    def __init__(self) -> None:
        self._orders: dict[str, _Entry] = {}
        self._restored = False

    def restore(self, cursor: str | None) -> None:
        """What the last process watched; only the first cursor counts. Raises ConnectorError."""
        if self._restored:
            return
        try:
            kept = msgspec.json.decode(cursor, type=_Kept).watch if cursor is not None else {}
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None
        self._orders = kept | self._orders
        self._restored = True

    def cursor(self) -> str:
        """As the core keeps it."""
        return msgspec.json.encode(_Kept(self._orders)).decode()

    def due(self, now: int) -> list[str]:
        """The orders to look at now, longest waiting first."""
        waiting = sorted((entry.due, number) for number, entry in self._orders.items() if entry.due <= now)
        return [number for _, number in waiting[:AT_ONCE]]

    def want(self, number: str, now: int) -> None:
        """A push told of it, and it could not be read: next time."""
        entry = self._orders.setdefault(number, _Entry(now, now))
        entry.due = min(entry.due, now)

    def saw(self, update: OrderUpdate, now: int) -> None:
        """An order as it was read just now: watched on, or no longer."""
        entry = self._orders.pop(update.ext_id, None) or _Entry(now, now)
        age = now - entry.since
        asked = any(refund.state is RefundState.OPEN for refund in update.refunds)
        # A shipped order changes by the buyer alone; a refund that is open there is worth a look.
        if update.state in _DONE or (update.state is PlatformState.SHIPPED and not asked) or age > _DAYS:
            return
        entry.due = now + min(max(age // 3, _SHORT), _LONG)
        self._orders[update.ext_id] = entry
        while len(self._orders) > MOST:
            del self._orders[max(self._orders, key=lambda number: self._orders[number].due)]

    def put_off(self, number: str, now: int) -> None:
        """It cannot be read: another time."""
        entry = self._orders.pop(number, None)
        if entry is not None and now - entry.since <= _DAYS:
            entry.due = now + _LONG
            self._orders[number] = entry

    def __len__(self) -> int:
        return len(self._orders)
