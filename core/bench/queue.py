"""``keydesk bench queue``: the desk's own window read over 100,000 and 1,000,000 orders, interleaved."""

import statistics
import time
from pathlib import Path
from typing import Any

from core.desk.filter_fields import Context
from core.desk.reads import Reader
from core.desk.rows import Frame
from core.desk.views import Page, select, window
from core.store.engines import reader_engine, writer_engine
from core.store.migrate import migrate

NOW = 1_790_000_000_000_000
SHOPS = {number: (f"shop{number}", "bench") for number in range(1, 13)}
# Half of the orders are unfinished; ten priorities, sort times spread over a day, twelve shops.
FILL = f"""
WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ?)
INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, refunded,
 refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, created_at, paid_at,
 deadline, received_at, delivered_at, changed_at)
SELECT i, 1 + i / 7 % 12, printf('%018d', i), 0, {NOW}, 1, CASE WHEN i * 7919 % 100 < 50 THEN 1 ELSE 5 END, 1, -(i * 48271 % 10),
 {NOW} + i * 7919 % 86400000, 0, 1000, 0, 0, 0, 'CNY', 1, 'p' || i % 20, '游戏点卡 100 点', 'u' || i % 99991, '买家昵称', '', '', '',
 0, {NOW}, NULL, NULL, {NOW}, NULL, {NOW} FROM g
"""
SIZES = (100_000, 1_000_000)


def build(path: Path, orders: int) -> None:
    """A database of so many orders, made by the database itself."""
    migrate(path)
    engine = writer_engine(path)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        connection.exec_driver_sql("BEGIN")
        for number, (name, platform) in SHOPS.items():
            connection.exec_driver_sql("INSERT INTO shop VALUES(?, ?, ?)", (number, name, platform))
        connection.exec_driver_sql(FILL, (orders,))
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


async def measure(folder: Path, rounds: int = 5, reads: int = 40) -> dict[str, Any]:
    """Median microseconds a window of 50 rows: the head, a page deep inside by keyset, the head of one shop."""
    engines = []
    for size in SIZES:
        path = folder / f"queue-{size}.db"
        build(path, size)
        engines.append(reader_engine(path))
    context, frame = Context(NOW, "bench", 120_000_000), Frame(SHOPS, NOW, 120_000_000)
    selections = {
        "head": (select("work", "", context, 50_000), Page()),
        "deep": (select("work", "", context, 50_000), Page(after=f"-5.{NOW + 43_200_000}.1")),
        "shop": (select("work", "@shop7", context, 50_000), Page()),
    }
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, (selection, page) in selections.items():
            for size, engine in zip(SIZES, engines, strict=True):
                reader = Reader(engine)
                for _ in range(reads):
                    began = time.perf_counter()
                    shown = await window(reader, selection, page, frame)
                    times.setdefault((name, size), []).append(time.perf_counter() - began)
                if len(shown["rows"]) != 50:
                    raise RuntimeError(f"{name}: {len(shown['rows'])} rows instead of 50")
    for engine in engines:
        await engine.dispose()
    us = {key: statistics.median(found) * 1e6 for key, found in times.items()}
    small, large = SIZES
    result: dict[str, Any] = {
        f"{name}_{label}_us": round(us[(name, size)])
        for name in selections
        for label, size in (("100k", small), ("1m", large))
    }
    for name in selections:
        key = "window_1m_vs_100k_ratio" if name == "head" else f"{name}_1m_vs_100k_ratio"
        result[key] = round(us[(name, large)] / us[(name, small)], 3)
    return result
