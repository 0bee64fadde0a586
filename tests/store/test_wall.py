"""The wall's figures against a history made by hand, and the cost of its statements."""

from pathlib import Path
from typing import Any

from core.desk.wall import BACKLOG_SQL, DAY_SQL, NEWEST_SQL, Wall
from core.model.clock import MINUTE, SECOND
from core.model.lifecycle import Stage
from core.store.tx import Tx
from tests.store.deskdata import Seed, query, writer_on

NOW = 10_000 * 15 * MINUTE + MINUTE


class _Reads:
    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, 0

    async def all(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        self.asked += 1
        return [tuple(row) for row in query(self.path, sql, tuple(params))]


def _history(tx: Tx, items: list[None]) -> list[None]:
    tx.run("DELETE FROM minute")
    last = NOW // MINUTE
    rows = [(last, 1, 5, 3, 1), (last, 2, 2, 2, 0), (last - 15, 1, 4, 4, 0), (last - 1440, 1, 99, 99, 99)]
    tx.many("INSERT INTO minute(at, shop, received, delivered, failed) VALUES(?, ?, ?, ?, ?)", rows)
    for id, took in ((1, 10), (2, 20), (3, 90)):
        tx.run(
            "UPDATE orders SET created_at = 0, paid_at = ?, received_at = 100, delivered_at = ? WHERE id = ?",
            (took * 2, 100 + took, id),
        )
    tx.run("UPDATE orders SET paid_at = NULL WHERE id = 4")
    return [None] * len(items)


async def test_figures_and_their_second(tmp_path: Path) -> None:
    seeds = [Seed(n, stage=Stage.DELIVERED) for n in (1, 2, 3)] + [Seed(4, shop=2)]
    writer = await writer_on(tmp_path, seeds)
    await writer.do(_history, None)
    await writer.stop()
    now = [NOW]
    reads = _Reads(writer.path)
    wall = Wall(reads, lambda: now[0])
    got = await wall.read({1: "a", 2: "b"})
    assert (got["in"], got["delivered"], got["backlog"], got["error_rate"]) == (11, 9, 1, 0.1)
    assert got["shops"][0] == {"name": "a", "in": 9, "delivered": 7, "failed": 1, "backlog": 0}
    assert got["shops"][1] == {"name": "b", "in": 2, "delivered": 2, "failed": 0, "backlog": 1}
    assert got["series"]["in"][-2:] == [4, 7]
    assert sum(got["series"]["in"]) == 11
    assert got["handling"] == {"n": 3, "median": 20, "p95": 90}
    assert got["collection"] == {"n": 3, "median": 40, "p95": 180}
    asked = reads.asked
    now[0] += SECOND - 1
    assert await wall.read({}) is got
    assert reads.asked == asked
    now[0] += 1
    assert await wall.read({}) is not got


async def test_no_statement_walks_the_orders(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path)
    await writer.stop()

    def plan(sql: str, *params: int) -> str:
        return "\n".join(str(row[3]) for row in query(writer.path, f"EXPLAIN QUERY PLAN {sql}", params))

    assert "SEARCH minute USING PRIMARY KEY (at>?)" in plan(DAY_SQL, 1)
    newest = plan(NEWEST_SQL)
    assert "SEARCH orders USING INTEGER PRIMARY KEY" in newest
    assert "TEMP B-TREE" not in newest
    assert "LIMIT" in NEWEST_SQL
    assert "orders" not in BACKLOG_SQL
