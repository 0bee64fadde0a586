"""The wall's history: what came, went and failed by the minute, and how much waited at the beginning of each span of time.

In, delivered and failed are the kept minute counters. Backlog and lateness are not kept by any stage: ``Levels`` notes them
once a minute, by shop, in rows of 1, 15 and 60 minutes of which each has a bounded life.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from core.desk.reads import Reads
from core.desk.wall_sql import BACKLOG_SQL, QUEUE
from core.model.clock import DAY, HOUR, MINUTE, SECOND, Clock
from core.store.tx import Tx
from core.store.writer import Writer

KEPT: Final = {1: 180, 15: 3 * 96, 60: 35 * 24}  # minutes of a row -> how many of them
FLOWS_KEPT: Final = 35 * DAY  # us; a shop's silence is judged by a week of them
_SHARE: Final = 50  # reading takes at most a fiftieth of the time

LATE_SQL: Final = (
    "SELECT shop, coalesce(sum(deadline < ?), 0) FROM (SELECT o.shop, o.deadline FROM orders o WHERE o.stage < 4 "
    f"ORDER BY o.nprio, o.due_at, o.id LIMIT {QUEUE}) GROUP BY shop"
)
FLOW_SQL: Final = (
    "SELECT at / ?, shop, sum(received), sum(delivered), sum(failed) FROM minute WHERE at >= ? AND at < ? GROUP BY 1, 2"
)
LEVEL_SQL: Final = "SELECT at, shop, backlog, late FROM level WHERE span = ? AND at >= ? AND at < ?"
NOTE: Final = "level(span, at, shop, backlog, late)"
PRUNE_SQL: Final = "DELETE FROM level WHERE span = ? AND at < ?"
# A day at a time: whoever runs this for the first time may have years of them.
PRUNE_MINUTES_SQL: Final = "DELETE FROM minute WHERE at < min(?, coalesce((SELECT min(at) FROM minute), 0) + 1440)"
NAMES_KEPT: Final = 2 * DAY  # us; the wall tells of one day
PRUNE_QUARTERS_SQL: Final = "DELETE FROM quarter WHERE at < ?"
PRUNE_DEEDS_SQL: Final = "DELETE FROM deed WHERE at < ?"

Level = tuple[int, int, int]  # shop, backlog, late


class Span(NamedTuple):
    """A stretch of the past: so many buckets of so many minutes."""

    minutes: int
    buckets: int


SPANS: Final = {"hour": Span(1, 60), "day": Span(15, 96), "week": Span(60, 168)}
FLOWS: Final = ("in", "delivered", "failed")
LEVELS: Final = ("backlog", "late")


def note(tx: Tx, items: Sequence[Sequence[Level]]) -> list[None]:
    """Writer handler: how much waits now. The first of a row's time stands; what is too old goes, of all that the wall has."""
    minute = tx.now // MINUTE
    for levels in items:
        for span in KEPT:
            tx.insert(NOTE, [(span, minute // span, *one) for one in levels], "ON CONFLICT DO NOTHING")
    for span, kept in KEPT.items():
        tx.run(PRUNE_SQL, (span, minute // span - kept))
    tx.run(PRUNE_MINUTES_SQL, (minute - FLOWS_KEPT // MINUTE,))
    tx.run(PRUNE_QUARTERS_SQL, ((tx.now - NAMES_KEPT) // (15 * MINUTE),))
    tx.run(PRUNE_DEEDS_SQL, ((tx.now - NAMES_KEPT) // HOUR,))
    return [None for _ in items]


class Levels:
    """Call ``sample`` once a minute."""

    def __init__(self, reads: Reads, writer: Writer, clock: Clock) -> None:
        self._reads, self._writer, self._clock = reads, writer, clock

    async def sample(self) -> None:
        """Note how much waits in each shop, and how much of it is late. Raises what the writer raises."""
        backlog = await self._reads.all(BACKLOG_SQL)
        late = {int(shop): int(n) for shop, n in await self._reads.all(LATE_SQL, (self._clock(),))}
        if backlog:
            levels = [(int(shop), int(n), late.get(int(shop), 0)) for shop, n in backlog]
            await self._writer.do(note, levels)


class History:
    """``read`` gives ``GET /v1/wall/history``; one reading of a span serves everybody for a second or more."""

    def __init__(self, reads: Reads, clock: Clock, timer: Callable[[], float] = time.monotonic) -> None:
        self._reads, self._clock, self._timer = reads, clock, timer
        self._kept: dict[
            str, tuple[int, int, dict[int, dict[str, list[Any]]]]
        ] = {}  # span -> read at, good for, by shop
        self._lock = asyncio.Lock()

    async def read(self, name: str, shop: int | None) -> dict[str, Any]:
        """One span of ``SPANS`` for one shop, or all together. ``first``: where the oldest bucket begins (UTC us);
        a backlog that nobody noted is None."""
        span = SPANS[name]
        async with self._lock:
            now = self._clock()
            kept = self._kept.get(name)
            last = now // MINUTE // span.minutes
            same = kept is not None and kept[0] // MINUTE // span.minutes == last
            if kept is None or not same or not 0 <= now - kept[0] < kept[1]:
                start = self._timer()
                shops = await self._all(span, last)
                kept = now, max(SECOND, int((self._timer() - start) * _SHARE * SECOND)), shops
                self._kept[name] = kept
        chosen = list(kept[2].values()) if shop is None else [kept[2].get(shop) or _blank(span.buckets)]
        first = (last - span.buckets + 1) * span.minutes * MINUTE
        return {"at": kept[0], "span": name, "bucket_minutes": span.minutes, "first": first, **_together(span, chosen)}

    async def _all(self, span: Span, last: int) -> dict[int, dict[str, list[Any]]]:
        """By shop: every series, the newest bucket last."""
        first = last - span.buckets + 1
        out: dict[int, dict[str, list[Any]]] = {}
        flows = (span.minutes, first * span.minutes, (last + 1) * span.minutes)
        for at, shop, *counts in await self._reads.all(FLOW_SQL, flows):
            series = out.setdefault(int(shop), _blank(span.buckets))
            for name, n in zip(FLOWS, counts, strict=True):
                series[name][at - first] = n
        for at, shop, *counts in await self._reads.all(LEVEL_SQL, (span.minutes, first, last + 1)):
            series = out.setdefault(int(shop), _blank(span.buckets))
            for name, n in zip(LEVELS, counts, strict=True):
                series[name][at - first] = n
        return out


def _blank(buckets: int) -> dict[str, list[Any]]:
    return {name: [0] * buckets for name in FLOWS} | {name: [None] * buckets for name in LEVELS}


def _together(span: Span, shops: Sequence[dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """Sums over shops; a level is known as soon as one shop's is."""
    if len(shops) == 1:
        return shops[0]
    out = _blank(span.buckets)
    for series in shops:
        for name in FLOWS:
            out[name] = [a + b for a, b in zip(out[name], series[name], strict=True)]
        for name in LEVELS:
            out[name] = [b if a is None else a + (b or 0) for a, b in zip(out[name], series[name], strict=True)]
    return out
