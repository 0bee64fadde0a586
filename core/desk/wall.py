"""The supervisor's figures: kept minute counters for the day, and the newest orders for how long things take."""

import asyncio
from collections.abc import Mapping
from typing import Any

from core.desk.reads import Reads
from core.model.clock import MINUTE, SECOND, Clock

SAMPLE = 2000  # newest orders looked at: the table itself has no index on time, and must never be walked
BUCKET = 15  # minutes of one bucket
BUCKETS = 96  # a day of them

DAY_SQL = (
    f"SELECT at / {BUCKET}, shop, sum(received), sum(delivered), sum(failed) FROM minute WHERE at >= ? GROUP BY 1, 2"
)
BACKLOG_SQL = "SELECT shop, sum(n) FROM tally WHERE stage < 4 GROUP BY shop"
NEWEST_SQL = (
    f"SELECT created_at, paid_at, received_at, delivered_at FROM orders WHERE id > 0 ORDER BY id DESC LIMIT {SAMPLE}"
)


class Wall:
    """``read`` gives ``GET /v1/wall``; one answer serves everybody for a second."""

    def __init__(self, reads: Reads, clock: Clock) -> None:
        self._reads, self._clock = reads, clock
        self._kept: dict[str, Any] | None = None
        self._lock = asyncio.Lock()

    async def read(self, names: Mapping[int, str]) -> dict[str, Any]:
        """Times in microseconds; ``names`` are the shops by number."""
        async with self._lock:
            now = self._clock()
            if self._kept is None or not 0 <= now - self._kept["at"] < SECOND:
                self._kept = await self._fresh(now, names)
            return self._kept

    async def _fresh(self, now: int, names: Mapping[int, str]) -> dict[str, Any]:
        first = now // MINUTE // BUCKET - BUCKETS + 1
        came, went = [0] * BUCKETS, [0] * BUCKETS
        shops: dict[int, list[int]] = {number: [0, 0, 0, 0] for number in names}
        for bucket, shop, received, delivered, failed in await self._reads.all(DAY_SQL, (first * BUCKET,)):
            if bucket - first >= BUCKETS:
                continue  # the clock went back
            came[bucket - first] += received
            went[bucket - first] += delivered
            sums = shops.setdefault(shop, [0, 0, 0, 0])
            for place, n in enumerate((received, delivered, failed)):
                sums[place] += n
        for shop, n in await self._reads.all(BACKLOG_SQL):
            shops.setdefault(shop, [0, 0, 0, 0])[3] = n
        newest = await self._reads.all(NEWEST_SQL)
        failed = sum(sums[2] for sums in shops.values())
        return {
            "at": now,
            "in": sum(came),
            "delivered": sum(went),
            "backlog": sum(sums[3] for sums in shops.values()),
            "error_rate": round(failed / (failed + sum(went)), 4) if failed else 0.0,
            "shops": [
                {"name": names.get(shop, str(shop)), "in": a, "delivered": b, "failed": c, "backlog": d}
                for shop, (a, b, c, d) in sorted(shops.items())
            ],
            "series": {"bucket_minutes": BUCKET, "in": came, "delivered": went},
            "sample": len(newest),
            "handling": _spans([(row[2], row[3]) for row in newest]),
            "collection": _spans([(row[0], row[1]) for row in newest]),
        }


def _spans(pairs: list[tuple[int, int | None]]) -> dict[str, int | None]:
    spans = sorted(max(end - start, 0) for start, end in pairs if end is not None)
    if not spans:
        return {"n": 0, "median": None, "p95": None}
    return {"n": len(spans), "median": spans[(len(spans) - 1) // 2], "p95": spans[-(-len(spans) * 95 // 100) - 1]}
