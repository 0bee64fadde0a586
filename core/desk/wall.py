"""The supervisor's figures: kept minute counters for the day, and the newest orders for how long things take."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from core.desk.deeds import reaches
from core.desk.reads import Reads
from core.desk.wall_sample import (
    ACTS_SQL,
    ORDERS_SQL,
    QUEUE,
    QUEUE_SQL,
    SENDS_SQL,
    Group,
    Newest,
    by_name,
    channels,
    newest,
    rate,
    spread,
)
from core.model.clock import HOUR, MINUTE, SECOND, Clock
from core.model.ids import first_id
from core.store.tx import as_json

BUCKET: Final = 15  # minutes of one bucket of the day
BUCKETS: Final = 96  # a day of them
RECENT: Final = 180  # minutes told one by one
SHOWN: Final = 100  # products, people and channels told, the busiest first
_SHARE: Final = 50  # reading takes at most a fiftieth of the time, however much there is to read

DAY_SQL: Final = (
    f"SELECT at / {BUCKET}, shop, sum(received), sum(delivered), sum(failed) FROM minute WHERE at >= ? GROUP BY 1, 2"
)
RECENT_SQL: Final = (
    "SELECT at, sum(received), sum(delivered), sum(failed) FROM minute WHERE at > ? AND at <= ? GROUP BY at"
)
BACKLOG_SQL: Final = "SELECT shop, sum(n) FROM tally WHERE stage < 4 GROUP BY shop"
HELD_SQL: Final = "SELECT operator, count(*) FROM claim WHERE until > ? GROUP BY operator"

Asked = Callable[[], Awaitable[list[dict[str, Any]]]]


class Wall:
    """``read`` gives ``GET /v1/wall``; one answer serves everybody for a second, or longer where reading it is costly.

    ``stock`` and ``health`` are asked for what they tell elsewhere too; ``timer`` gives seconds.
    """

    def __init__(
        self, reads: Reads, clock: Clock, stock: Asked, health: Asked, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._reads, self._clock, self._stock, self._health, self._timer = reads, clock, stock, health, timer
        self._kept: dict[str, Any] | None = None
        self._good_for = SECOND
        self._lock = asyncio.Lock()

    async def read(self, names: Mapping[int, str]) -> dict[str, Any]:
        """Times in microseconds; ``names`` are the shops by number. With the figures of every person: see ``seen_by``."""
        async with self._lock:
            now = self._clock()
            if self._kept is None or not 0 <= now - self._kept["at"] < self._good_for:
                start = self._timer()
                self._kept = await self._fresh(now, names)
                self._good_for = max(SECOND, int((self._timer() - start) * _SHARE * SECOND))
            return self._kept

    async def _fresh(self, now: int, names: Mapping[int, str]) -> dict[str, Any]:
        day, shops = await self._day(now)
        for shop in names:
            shops.setdefault(shop, [0, 0, 0])
        waiting = {int(shop): int(n) for shop, n in await self._reads.all(BACKLOG_SQL)}
        sample = await self._newest(now)
        queue = await self._reads.all(QUEUE_SQL, (now,))
        seen = sum(int(row[2]) for row in queue)
        for group in (*sample.shops.values(), *sample.products.values()):
            group.waits = group.late = 0  # of the sample; the queue itself is the better witness
        for shop, product, n, late in queue:
            shops.setdefault(shop, [0, 0, 0])
            for group in (sample.shops[shop], sample.products[product]):
                group.waits += n
                group.late += late
        came, went, wrong = (sum(day[name]) for name in ("in", "delivered", "failed"))
        total = sample.total
        return {
            "at": now,
            "in": came,
            "delivered": went,
            "failed": wrong,
            "backlog": sum(waiting.values()),
            "late": sum(int(row[3]) for row in queue),
            "queue_seen": {"orders": seen, "whole": seen < QUEUE},
            "error_rate": rate(wrong, went),
            "auto": {"machine": total.auto, "by_hand": total.went - total.auto},
            "sample": {"orders": sample.orders, "since": sample.since},
            "shops": [
                _exact(sample.shops[shop], names.get(shop, str(shop)), counts, waiting.get(shop, 0))
                for shop, counts in sorted(shops.items())
            ],
            "products": [group.shown(name) for name, group in by_name(sample.products)[:SHOWN]],
            "operators": await self._people(now, sample),
            "channels": await self._channels(now, sample.touched),
            "measured": {
                "by_machine": spread(sample.by_machine),
                "by_hand": spread(sample.by_hand),
                "hands_on": spread(span for group in sample.people.values() for span in group.hands),
                "collection": spread(sample.collection),
                "notification": spread(sample.notification),
            },
            "series": {"bucket_minutes": BUCKET, **day},
            "minutes": await self._recent(now),
            "stock": await self._stock(),
            "health": await self._health(),
        }

    async def _day(self, now: int) -> tuple[dict[str, list[int]], dict[int, list[int]]]:
        """What came, went and failed: by bucket, and by shop."""
        first = now // MINUTE // BUCKET - BUCKETS + 1
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

    async def _recent(self, now: int) -> dict[str, Any]:
        last = now // MINUTE
        out: dict[str, list[int]] = {name: [0] * RECENT for name in ("in", "delivered", "failed")}
        for at, *counts in await self._reads.all(RECENT_SQL, (last - RECENT, last)):
            for name, n in zip(out, counts, strict=True):
                out[name][at - last + RECENT - 1] = n
        return {"bucket_minutes": 1, **out}

    async def _newest(self, now: int) -> Newest:
        rows = await self._reads.all(ORDERS_SQL, (first_id(now - 24 * HOUR),))
        acts = await self._reads.all(ACTS_SQL, (as_json(row[0] for row in rows),)) if rows else []
        return newest(rows, acts, now)

    async def _people(self, now: int, sample: Newest) -> list[dict[str, Any]]:
        held = {str(name): int(n) for name, n in await self._reads.all(HELD_SQL, (now,))}
        for name in held:
            sample.people[name]  # who holds an order is at work, whatever else there is of them
        return [
            {
                **group.shown(name),
                "acts": group.acts,
                "holds": held.get(name, 0),
                "hands_on": spread(group.hands),
            }
            for name, group in by_name(sample.people)[:SHOWN]
        ]

    async def _channels(self, now: int, touched: set[int]) -> list[dict[str, Any]]:
        rows = await self._reads.all(SENDS_SQL, (first_id(now - 24 * HOUR),))
        return [group.shown(name) for name, group in by_name(channels(rows, touched, now))[:SHOWN]]


def _exact(group: Group, name: str, counts: list[int], backlog: int) -> dict[str, Any]:
    """A shop: in, delivered, failed and backlog are kept counters, the rest is of the newest orders."""
    came, went, wrong = counts
    shown = {**group.shown(name), "in": came, "delivered": went, "failed": wrong, "backlog": backlog}
    return {**shown, "error_rate": rate(wrong, went), "sample": {"in": group.came, "delivered": group.went}}


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
