"""Stock by product, with the pace at which it goes and when it will run out."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from core.desk.reads import Reads
from core.model.clock import HOUR, MINUTE, Clock

_SPAN = 6 * HOUR  # how far back the pace looks
_LEAST = 5 * MINUTE  # below that a pace would be noise
WAITING_MAX: Final = 20_000  # orders without stock that are counted
WAITING: Final = (
    "SELECT subject, count(*) FROM (SELECT subject FROM case_ INDEXED BY ix_case_open "
    f"WHERE kind = 'no_stock' AND closed_at IS NULL LIMIT {WAITING_MAX}) GROUP BY subject"
)


class StockBook:
    """Remembers how much had gone at each look; call ``sample`` about once a minute.

    ``title_of`` is the catalogue's: the title that was kept with a product's first keys may be an old one.
    """

    def __init__(self, reads: Reads, clock: Clock, title_of: Callable[[str], str] = str) -> None:
        self._reads, self._clock, self._title_of = reads, clock, title_of
        self._samples: deque[tuple[int, dict[str, int]]] = deque()

    async def sample(self) -> None:
        """Note how many keys of each product have gone out so far."""
        now = self._clock()
        rows = await self._reads.all("SELECT product, sold + suspect + burnt FROM stock")
        self._samples.append((now, dict(rows)))
        while self._samples[0][0] < now - _SPAN:
            self._samples.popleft()

    async def read(self) -> list[dict[str, Any]]:
        """The answer of ``GET /v1/stock``; ``per_hour`` is None until there is enough to judge by."""
        now = self._clock()
        rows = await self._reads.all(
            "SELECT s.product, coalesce(p.title, s.product), s.free, s.sold, s.suspect, s.burnt, s.withdrawn "
            "FROM stock s LEFT JOIN product p ON p.id = s.product ORDER BY s.product"
        )
        out = []
        for product, title, free, sold, suspect, burnt, withdrawn in rows:
            pace, named = self._pace(product, sold + suspect + burnt, now), self._title_of(product)
            out.append(
                {
                    "id": product,
                    "title": title if named == product else named,
                    "free": free,
                    "sold": sold,
                    "suspect": suspect,
                    "burnt": burnt,
                    "withdrawn": withdrawn,
                    "per_hour": None if pace is None else round(pace, 1),
                    "runs_out_at": now + int(free / pace * HOUR) if pace else None,
                }
            )
        return out

    async def read_all(self, titles: Mapping[str, str]) -> list[dict[str, Any]]:
        """``read`` with ``waiting`` (orders that wait for keys of it), and the products that never had a key.

        ``titles``: the catalogue's products. At most ``WAITING_MAX`` waiting orders are counted.
        """
        rows = await self.read()
        waiting: dict[str, int] = dict(await self._reads.all(WAITING))
        known = {row["id"] for row in rows}
        for product, title in titles.items():
            if product not in known:
                zeros = dict.fromkeys(("free", "sold", "suspect", "burnt", "withdrawn"), 0)
                rows.append({"id": product, "title": title, **zeros, "per_hour": None, "runs_out_at": None})
        return [{**row, "waiting": waiting.get(row["id"], 0)} for row in sorted(rows, key=lambda row: str(row["id"]))]

    def _pace(self, product: str, gone: int, now: int) -> float | None:
        if not self._samples or now - self._samples[0][0] < _LEAST:
            return None
        at, first = self._samples[0]
        return max(gone - first.get(product, 0), 0) * HOUR / (now - at)
