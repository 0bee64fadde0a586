"""Orders that a person gave back unworked: recorded in the log, and not offered to that person again for a while.

The putting aside itself lives in memory: after a restart an order may be offered once more, which harms nobody.
"""

from collections import OrderedDict
from typing import NamedTuple

from core.model.clock import MINUTE, Clock
from core.model.lifecycle import EventKind
from core.store.tx import Tx

SKIP_FOR = 15 * MINUTE
SKIPS_MAX = 200  # a person; the oldest give way, so that nobody can skip a whole backlog out of sight


class SkipWork(NamedTuple):
    """``by`` gives ``order`` back because of ``reason``."""

    by: str
    order: int
    reason: str


class Skipped(NamedTuple):
    """``known`` False: there is no such order. ``taken_by``: another person works on it until ``until`` (UTC us)."""

    known: bool
    taken_by: str = ""
    until: int = 0


def skip(tx: Tx, items: list[SkipWork]) -> list[Skipped]:
    """Writer handler: record the skip and give the claim up, in one step."""
    return [_one(tx, item) for item in items]


def _one(tx: Tx, item: SkipWork) -> Skipped:
    if tx.one("SELECT 1 FROM orders WHERE id = ?", (item.order,)) is None:
        return Skipped(False)
    held = tx.one("SELECT operator, until FROM claim WHERE order_id = ? AND until > ?", (item.order, tx.now))
    if held is not None and held[0] != item.by:
        return Skipped(True, held[0], held[1])
    tx.run("DELETE FROM claim WHERE order_id = ? AND operator = ?", (item.order, item.by))
    tx.event(EventKind.SKIPPED, item.order, item.by, {"reason": item.reason})
    tx.touch([item.order])
    return Skipped(True)


class Skips:
    """Who put which orders aside, and until when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, OrderedDict[int, int]] = {}

    def add(self, person: str, order: int) -> int:
        """Put an order aside for a person; answers until when (UTC us)."""
        mine = self._until.setdefault(person, OrderedDict())
        mine.pop(order, None)
        mine[order] = until = self._clock() + SKIP_FOR
        while len(mine) > SKIPS_MAX:
            mine.popitem(last=False)
        return until

    def of(self, person: str) -> tuple[int, ...]:
        """The orders that are not to be offered to a person now."""
        mine, now = self._until.get(person), self._clock()
        if mine is None:
            return ()
        for order in [order for order, until in mine.items() if until <= now]:
            del mine[order]
        return tuple(mine)
