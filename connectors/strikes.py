"""Patience with one thing that a platform refuses to show without a reason that anybody knows.

The refusal may pass, or it may be about that one thing for ever: without an end to patience a single order could hold up
all that come after it.
"""

from collections import OrderedDict
from typing import Final

_MOST: Final = 10_000


class Strikes:
    """Counts refusals in a row, each thing by its number."""

    def __init__(self, limit: int = 5) -> None:
        self._limit = limit
        self._counts: OrderedDict[str, int] = OrderedDict()

    def another(self, name: str) -> bool:
        """One more refusal; True when that is enough."""
        count = self._counts.pop(name, 0) + 1
        self._counts[name] = count
        if len(self._counts) > _MOST:
            self._counts.popitem(last=False)
        return count >= self._limit

    def shown(self, name: str) -> None:
        """It was shown after all."""
        self._counts.pop(name, None)
