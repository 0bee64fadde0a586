"""``keydesk bench queue``: what a window of the queue costs at a million orders, against a hundred thousand.

The reads are those of ``GET /v1/queue``: the same functions on the same reading engine. Small and large database are
read in turn, so that whatever else the machine does meets both.
"""

import statistics
import time
from pathlib import Path
from typing import Any

from core.bench.merchant import SHOP, SHOPS, build
from core.desk.filter import Context
from core.desk.reads import Reader
from core.desk.rows import Frame
from core.desk.view_counts import total
from core.desk.views import Page, Selection, select, window
from core.model.clock import SECOND, now_us
from core.store.engines import reader_engine

LIMIT = 64  # rows, as the console asks for them
READS = 20  # of each kind and size in a round
FRESH = 120 * SECOND
BIG_FROM = 50_000
KINDS = ("head", "deep", "shop")


class Queue:
    """One database and the windows that are read of it."""

    def __init__(self, path: Path, orders: int) -> None:
        self.orders = orders
        self.build_s = build(path, orders)
        self._engine = reader_engine(path)
        self._reads = Reader(self._engine)
        self._shops = {n: (SHOP.format(n), "taobao") for n in range(1, SHOPS + 1)}
        self._pages: dict[str, tuple[Selection, Page]] = {}

    async def prepare(self) -> None:
        """Find the place in the middle of the queue; this walk is no part of any figure."""
        context = Context(now_us(), "bench", FRESH)
        work = select("work", "", context, BIG_FROM)
        middle = "SELECT nprio, due_at, id FROM orders WHERE stage < 4 ORDER BY nprio, due_at, id LIMIT 1 OFFSET ?"
        place = (await self._reads.all(middle, (self.orders // 4,)))[0]
        self._pages = {
            "head": (work, Page(LIMIT)),
            "deep": (work, Page(LIMIT, after=".".join(map(str, place)))),
            "shop": (select("work", f"shop={SHOP.format(5)}", context, BIG_FROM), Page(LIMIT)),
            "nothing": (select("work", "buyer=nobody", context, BIG_FROM), Page(LIMIT)),
        }

    async def read(self, kind: str) -> float:
        """Seconds that one window takes. Raises RuntimeError when it is not the window it should be."""
        selection, page = self._pages[kind]
        now = now_us()
        begun = time.perf_counter()
        shown = await window(self._reads, selection, page, Frame(self._shops, now, FRESH))
        await total(self._reads, selection, Context(now, "bench", FRESH))
        took = time.perf_counter() - begun
        if len(shown["rows"]) != (0 if kind == "nothing" else LIMIT):
            raise RuntimeError(f"the {kind} window has {len(shown['rows'])} rows")
        return took

    async def close(self) -> None:
        """Let go of the file."""
        await self._engine.dispose()


async def measure(folder: Path, rounds: int = 5, small: int = 100_000, large: int = 1_000_000) -> dict[str, Any]:
    """Medians of interleaved reads, in ms, and the medians of the rounds' ratios."""
    books = (Queue(folder / "small.db", small), Queue(folder / "large.db", large))
    for book in books:
        await book.prepare()
        for kind in KINDS:
            await book.read(kind)
    times: dict[tuple[str, int], list[float]] = {}
    ratios: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(rounds):
        for kind in KINDS:
            took: tuple[list[float], list[float]] = ([], [])
            for n in range(READS):
                for size in (0, 1) if (n + turn) % 2 else (1, 0):
                    took[size].append(await books[size].read(kind))
            for size in (0, 1):
                times.setdefault((kind, size), []).append(statistics.median(took[size]))
            ratios[kind].append(times[kind, 1][-1] / times[kind, 0][-1])
    nothing = [await book.read("nothing") for book in books]
    for book in books:
        await book.close()
    found: dict[str, Any] = {"rounds": rounds, "orders": [small, large], "open_share": 0.5}
    found["build_s"] = [round(book.build_s, 1) for book in books]
    for kind in KINDS:
        for size, name in ((0, "100k"), (1, "1m")):
            found[f"{kind}_{name}_ms"] = round(statistics.median(times[kind, size]) * 1000, 3)
        found[f"{kind}_1m_vs_100k_ratio"] = round(statistics.median(ratios[kind]), 3)
    found["window_1m_vs_100k_ratio"] = max(found["head_1m_vs_100k_ratio"], found["deep_1m_vs_100k_ratio"])
    # A filter that nothing matches walks the whole backlog: said, not promised.
    found["match_nothing_ms"] = [round(took * 1000, 1) for took in nothing]
    return found
