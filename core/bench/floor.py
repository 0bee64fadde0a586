"""The raw insert limit: what this machine's SQLite does with durable batches and nothing else. The floor of ratios."""

import itertools
from pathlib import Path
from typing import Any

from core.store.engines import writer_engine

COLUMNS = [
    "platform",
    "ext_id",
    "version",
    "status",
    "priority",
    "due_at",
    "buyer_id",
    "buyer_name",
    "item_id",
    "sku_id",
    "sku_title",
    "qty",
    "unit_price_minor",
    "total_minor",
    "currency",
    "pay_state",
    "paid_at",
    "created_at",
    "updated_at",
    "region",
    "risk",
    "flags",
    "assignee",
    "note",
    "raw",
]
DDL = (
    f"CREATE TABLE raw_orders(id INTEGER PRIMARY KEY, {', '.join(COLUMNS)})",
    "CREATE UNIQUE INDEX ux_raw_ext ON raw_orders(platform, ext_id)",
    "CREATE INDEX ix_raw_queue ON raw_orders(status, priority DESC, due_at, id)",
    "CREATE INDEX ix_raw_created ON raw_orders(created_at)",
)
INSERT = f"INSERT INTO raw_orders({', '.join(COLUMNS)}) VALUES({', '.join('?' * len(COLUMNS))})"
PAYLOAD = 600  # bytes of raw payload a row, the size of a real order's JSON


class RawInsert:
    """25-column order rows with payload, unique and queue index, executemany in durable batches."""

    def __init__(self, path: Path) -> None:
        self._engine = writer_engine(path)
        self._connection = self._engine.connect()
        raw: Any = self._connection.connection.driver_connection
        self._raw = raw
        for statement in DDL:
            self._raw.execute(statement)
        self._numbers = itertools.count(1)
        self._pad = "x" * (PAYLOAD - 40)

    def rows(self, count: int) -> list[tuple[Any, ...]]:
        """Fresh rows; made outside the measured time."""
        made = []
        for n in itertools.islice(self._numbers, count):
            ext = f"{n:018d}"
            raw = f'{{"order_no":"{ext}","pad":"{self._pad}"}}'
            made.append(
                (
                    n % 12,
                    ext,
                    1,
                    0,
                    n * 7919 % 10,
                    1_700_000_000 + n * 48271 % 86400,
                    f"u{n % 99991}",
                    "买家昵称",
                    n % 5003,
                )
                + (n % 200, "游戏点卡 100 点", 1, 9990, 9990, "CNY", 0, None, 1_700_000_000 + n, 1_700_000_000 + n)
                + ("CN", 0, 0, None, None, raw)
            )
        return made

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """One durable batch."""
        self._raw.execute("BEGIN IMMEDIATE")
        self._raw.executemany(INSERT, rows)
        self._raw.execute("COMMIT")

    def settle(self) -> None:
        """Bring the write-ahead log home: what a durable insert costs in the end."""
        self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._engine.dispose()
