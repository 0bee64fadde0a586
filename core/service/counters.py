"""The desk's figures: kept counters, read in a handful of short statements and shared by all who watch."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from core.desk.reads import Reads
from core.model.clock import Clock
from core.model.lifecycle import Stage

SERIES = 60  # minutes
_RATE_SPAN = 10  # minutes over which the error rate is taken: a single failure must not look like an alarm
ShopStates = Callable[[], Sequence[dict[str, Any]]]


class Counters:
    """``read`` gives ``GET /v1/counters`` without ``seq``."""

    def __init__(self, reads: Reads, clock: Clock, shops: ShopStates, held_since: Callable[[], int] = int) -> None:
        self._reads, self._clock, self._shops, self._held_since = reads, clock, shops, held_since
        self._oldest: int | None = None
        self._late = 0
        self._next_look = 0.0

    def shops(self) -> Sequence[dict[str, Any]]:
        """How the connectors are doing now."""
        return self._shops()

    async def read(self) -> dict[str, Any]:
        """All figures at one moment."""
        now = self._clock()
        stages = dict.fromkeys((stage.name.lower() for stage in Stage), 0)
        for stage, n in await self._reads.all("SELECT stage, sum(n) FROM tally GROUP BY stage"):
            stages[Stage(stage).name.lower()] = n
        backlog = sum(stages[Stage(stage).name.lower()] for stage in range(Stage.DELIVERED))
        cases: dict[str, int] = dict(await self._reads.all("SELECT kind, n FROM case_tally WHERE n > 0 ORDER BY kind"))
        claims: dict[str, int] = dict(
            await self._reads.all("SELECT operator, count(*) FROM claim WHERE until > ? GROUP BY operator", (now,))
        )
        await self._look(now)
        return {
            "at": now,
            "stages": stages,
            "cases": cases,
            "backlog": backlog,
            "oldest_at": self._oldest,
            **await self._minutes(now),
            "late": self._late,
            "shops": list(self._shops()),
            "claims": claims,
            "sends_held_since": self._held_since(),
        }

    async def _look(self, now: int) -> None:
        """Oldest and late orders: the one figure that walks the backlog, so it takes 2 % of the time at most."""
        start = time.monotonic()
        if start < self._next_look:
            return
        rows = await self._reads.all(
            "SELECT min(created_at), coalesce(sum(deadline < ?), 0) FROM orders WHERE stage < 4", (now,)
        )
        self._oldest, self._late = rows[0]
        end = time.monotonic()
        self._next_look = end + max(0.2, 50 * (end - start))

    async def _minutes(self, now: int) -> dict[str, Any]:
        minute, part = divmod(now / 60_000_000, 1)
        last = int(minute)
        received, delivered, failed = [0] * SERIES, [0] * SERIES, [0] * SERIES
        for at, a, b, c in await self._reads.all(
            "SELECT at, sum(received), sum(delivered), sum(failed) FROM minute WHERE at > ? GROUP BY at",
            (last - SERIES,),
        ):
            place = at - last + SERIES - 1
            if 0 <= place < SERIES:
                received[place], delivered[place], failed[place] = a, b, c
        errors, good = sum(failed[-_RATE_SPAN:]), sum(delivered[-_RATE_SPAN:])
        return {
            "in_per_min": _rate(received, part),
            "delivered_per_min": _rate(delivered, part),
            "errors_per_min": _rate(failed, part),
            "error_rate": round(errors / (errors + good), 4) if errors + good else 0.0,
            "series": {"in": received, "delivered": delivered},
        }


def _rate(series: Sequence[int], part: float) -> float:
    """The last sixty seconds: this minute so far, and the rest from the one before."""
    return round(series[-1] + series[-2] * (1 - part), 1)
