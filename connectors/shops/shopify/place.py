"""How far Shopify's list has been read. It is sorted oldest change first and its cursors hold still while rows move."""

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from core.ports import ConnectorError


class Place(Struct, frozen=True, omit_defaults=True):
    """All changes up to ``high`` are read. While pages are left, they are those since ``start``, behind ``after``, and
    ``top`` is the latest change seen on them. Times are whole UTC seconds by Shopify's clock; ``turn`` makes each unique.
    """

    high: int
    start: int = 0
    after: str = ""
    top: int = 0
    turn: int = 0

    @classmethod
    def read(cls, text: str | None, start: int) -> "Place":
        """From what the core kept; without it from ``start``. Raises ConnectorError."""
        if text is None:
            return cls(high=start)
        try:
            return msgspec.json.decode(text, type=cls)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"cursor is not one of ours: {exc}") from None

    def text(self) -> str:
        """As the core keeps it."""
        return msgspec.json.encode(self).decode()

    def opened(self, back: int) -> "Place":
        """At the first page, ``back`` seconds before what was read."""
        return self if self.after else msgspec.structs.replace(self, start=max(self.high - back, 0), top=self.high)

    def passed(self, latest: int, after: str) -> "Place":
        """A page is read whose latest change is ``latest``; ``after`` "" when it was the last."""
        top, turn = max(self.top, latest), self.turn + 1
        if after:
            return msgspec.structs.replace(self, after=after, top=top, turn=turn)
        return Place(high=max(self.high, top), turn=turn)
