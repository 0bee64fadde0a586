"""What shops with one list need beside connectors.shops.windows: its cursor, and the time of day on the shop's own clock."""

import msgspec

from connectors.fields import UNREADABLE
from connectors.http import Reply
from connectors.shops.windows import Mark
from core.ports import ConnectorError


def read_mark(text: str | None, start: int) -> Mark:
    """The place that the core kept; without one the list is read from ``start`` (UTC seconds). Raises ConnectorError."""
    if text is None:
        return Mark(high=start)
    try:
        return msgspec.json.decode(text, type=Mark)
    except UNREADABLE as exc:
        raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None


def mark_text(mark: Mark) -> str:
    """As the core keeps it."""
    return msgspec.json.encode(mark).decode()


class Skew:
    """How far a self-hosted shop's clock is from ours, by the Date of its answers.

    Such a shop stamps its rows by a clock that nobody looks after. One that is minutes slow would file new rows in
    windows that were read long ago.
    """

    def __init__(self) -> None:
        self._seconds: int | None = None

    @property
    def known(self) -> bool:
        """Whether an answer was seen."""
        return self._seconds is not None

    def learn(self, reply: Reply, now: int) -> None:
        """``now`` in UTC seconds by our clock, as the answer came. An answer without a date says nothing."""
        there = reply.date()
        self._seconds = there - now if there else self._seconds or 0

    def there(self, now: int) -> int:
        """UTC seconds by the shop's clock."""
        return now + (self._seconds or 0)
