"""The supervisor's figures: kept counters for the day, and the newest finished orders for how long things take."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from core.desk.deeds import reaches
from core.desk.reads import Reads
from core.desk.wall_look import SHOWN, Look, look, named, person
from core.desk.wall_sample import Group, rate
from core.desk.wall_sql import BACKLOG_SQL, NAMED_SQL
from core.model.clock import MINUTE, SECOND, Clock

BUCKET: Final = 15  # minutes of one bucket of the day
BUCKETS: Final = 96  # a day of them
_SHARE: Final = 50  # looking takes at most a fiftieth of the time, however much there is to see

DAY_SQL: Final = (
    f"SELECT at / {BUCKET}, shop, sum(received), sum(delivered), sum(failed) FROM minute WHERE at >= ? GROUP BY 1, 2"
)
HELD_SQL: Final = "SELECT operator, count(*) FROM claim WHERE until > ? GROUP BY operator"

Asked = Callable[[], Awaitable[list[dict[str, Any]]]]


class Wall:
    """``read`` gives ``GET /v1/wall``; one answer serves everybody for a second.

    Kept counters are as of that second. What is told of single orders costs more to find out, and is of the last look
    at them, which is taken as often as leaves 98 % of the time to others. ``stock`` and ``health`` are asked for what they
    tell elsewhere too; ``timer`` gives seconds.
    """

    def __init__(
        self, reads: Reads, clock: Clock, stock: Asked, health: Asked, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._reads, self._clock, self._stock, self._health, self._timer = reads, clock, stock, health, timer
        self._kept: dict[str, Any] | None = None
        self._seen: Look | None = None
        self._good_for = SECOND
        self._lock = asyncio.Lock()

    async def read(self, names: Mapping[int, str]) -> dict[str, Any]:
        """Times in microseconds; ``names`` are the shops by number. With the figures of every person: see ``seen_by``."""
        async with self._lock:
            now = self._clock()
            if self._kept is None or not 0 <= now - self._kept["at"] < SECOND:
                self._kept = await self._fresh(now, names)
            return self._kept

    async def _look(self, now: int) -> Look:
        if self._seen is None or not 0 <= now - self._seen.at < self._good_for:
            start = self._timer()
            self._seen = await look(self._reads, now)
            self._good_for = max(SECOND, int((self._timer() - start) * _SHARE * SECOND))
        return self._seen

    async def _fresh(self, now: int, names: Mapping[int, str]) -> dict[str, Any]:
        seen = await self._look(now)
        day, shops = await self._day(now)
        for shop in (*names, *seen.shops):
            shops.setdefault(shop, [0, 0, 0])
        waits = {int(shop): int(n) for shop, n in await self._reads.all(BACKLOG_SQL)}
        came, went, wrong = (sum(day[name]) for name in ("in", "delivered", "failed"))
        counts = await self._reads.all(NAMED_SQL, (_first(now),))
        return {
            "at": now,
            "in": came,
            "delivered": went,
            "failed": wrong,
            "backlog": sum(waits.values()),
            "error_rate": rate(wrong, went),
            **seen.told,
            "shops": [
                _exact(seen.shops.get(shop) or Group(), names.get(shop, str(shop)), kept, waits.get(shop, 0))
                for shop, kept in sorted(shops.items())
            ],
            **named(seen, counts),
            "operators": await self._people(now, seen),
            "series": {"bucket_minutes": BUCKET, **day},
            "stock": await self._stock(),
            "health": await self._health(),
        }

    async def _day(self, now: int) -> tuple[dict[str, list[int]], dict[int, list[int]]]:
        """What came, went and failed: by bucket, and by shop."""
        first = _first(now)
        day = {name: [0] * BUCKETS for name in ("in", "delivered", "failed")}
        shops: dict[int, list[int]] = {}
        for bucket, shop, *counts in await self._reads.all(DAY_SQL, (first * BUCKET,)):
            if bucket - first >= BUCKETS:
                continue  # the clock went back
            sums = shops.setdefault(shop, [0, 0, 0])
            for place, (name, n) in enumerate(zip(day, counts, strict=True)):
                day[name][bucket - first] += n
                sums[place] += n
        return day, shops

    async def _people(self, now: int, seen: Look) -> list[dict[str, Any]]:
        """Everybody who acted within the day, or holds an order now: they are at work, whatever else there is of them."""
        held = {str(name): int(n) for name, n in await self._reads.all(HELD_SQL, (now,))}
        people = [person(name, seen.people.get(name) or Group(), held.get(name, 0)) for name in {*seen.people, *held}]
        return sorted(people, key=lambda one: (-one["in"], one["name"]))[:SHOWN]


def _first(now: int) -> int:
    """The number of the oldest bucket of the day."""
    return now // MINUTE // BUCKET - BUCKETS + 1


def _exact(group: Group, name: str, counts: list[int], backlog: int) -> dict[str, Any]:
    """A shop: in, delivered, failed and backlog are kept counters, the rest is of single orders."""
    group.came, group.went, group.wrong = counts
    return {**group.shown(name), "backlog": backlog}


def seen_by(answer: Mapping[str, Any], name: str, role: str, names: bool = True) -> dict[str, Any]:
    """The answer as a person may see it: a supervisor sees everybody's figures, an operator only their own.

    ``names`` False: nobody's, whoever asks (a screen on a wall, a browser).
    """
    people = answer["operators"]
    if not names:
        shown = []
    elif reaches(role, "supervisor"):
        shown = people
    else:
        shown = [one for one in people if one["name"] == name and reaches(role, "operator")]
    return {**answer, "operators": shown, "operators_hidden": len(people) - len(shown)}
