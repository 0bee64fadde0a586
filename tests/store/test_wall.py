"""The wall's own rules: one answer for a second, its cost, and that no statement walks a table."""

from pathlib import Path
from typing import Any

from core.desk.wall import DAY_SQL, HELD_SQL, Wall
from core.desk.wall_look import look
from core.desk.wall_sql import (
    BACKLOG_SQL,
    CAME_SQL,
    DEEDS_SQL,
    FINISHED_SQL,
    NAMED_SQL,
    QUEUE,
    QUEUE_SQL,
    SENDING_SQL,
    SENT_SQL,
    TOUCHED_SQL,
    UNSENT_SQL,
    WALK_SQL,
    WRONG_SQL,
)
from core.model.clock import HOUR, SECOND
from core.store.tx import Tx
from tests.store.deskdata import query, writer_on
from tests.store.walldata import fill_day


class _Reads:
    def __init__(self, path: Path) -> None:
        self.path, self.asked = path, 0

    async def all(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        self.asked += 1
        return [tuple(row) for row in query(self.path, sql, tuple(params))]


async def _nothing() -> list[dict[str, Any]]:
    return []


class _Clock:
    """Each look takes ``cost`` seconds of the timer."""

    def __init__(self, now: int) -> None:
        self.now, self.cost, self._timer = now, 0.0, 0.0

    def __call__(self) -> int:
        return self.now

    def timer(self) -> float:
        self._timer += self.cost
        return self._timer


async def _wall(folder: Path) -> tuple[Wall, _Reads, _Clock]:
    writer = await writer_on(folder)
    now = await writer.do(fill_day, None)
    await writer.stop()
    reads, clock = _Reads(writer.path), _Clock(now)
    return Wall(reads, clock, _nothing, _nothing, clock.timer), reads, clock


async def test_one_answer_serves_everybody_for_a_second(tmp_path: Path) -> None:
    wall, reads, clock = await _wall(tmp_path)
    got = await wall.read({1: "a", 2: "b"})
    asked = reads.asked
    clock.now += SECOND - 1
    assert await wall.read({1: "a", 2: "b"}) is got
    assert reads.asked == asked
    clock.now += 1
    again = await wall.read({1: "a", 2: "b"})
    assert again is not got
    clock.now -= 10 * SECOND
    assert await wall.read({}) is not again, "a clock that was set back keeps nothing alive"


async def test_a_costly_look_serves_longer_but_the_counters_stay_live(tmp_path: Path) -> None:
    """A fiftieth of the time at most goes into looking at orders; what is kept is told every second all the same."""
    wall, reads, clock = await _wall(tmp_path)
    clock.cost = 0.1
    looked = (await wall.read({}))["sample"]["at"]
    reads.asked = 0
    clock.now += 5 * SECOND - 1
    got = await wall.read({})
    assert (got["at"], got["sample"]["at"]) == (clock.now, looked)
    assert reads.asked == 4, "day, backlog, names, claims"
    assert [one["name"] for one in got["shops"]] == ["1", "2"]
    clock.now += SECOND
    assert (await wall.read({}))["sample"]["at"] == clock.now


async def test_a_minute_of_a_clock_that_went_back_is_left_out(tmp_path: Path) -> None:
    wall, _, clock = await _wall(tmp_path)
    clock.now -= 40 * 60 * SECOND
    got = await wall.read({})
    assert (len(got["series"]["in"]), sum(got["series"]["in"])) == (96, 0)


async def test_no_statement_walks_a_table(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path)
    await writer.stop()

    def plan(sql: str, *params: object) -> str:
        return "\n".join(str(row[3]) for row in query(writer.path, f"EXPLAIN QUERY PLAN {sql}", params))

    assert "SEARCH minute USING PRIMARY KEY (at>?)" in plan(DAY_SQL, 1)
    newest = plan(CAME_SQL, 1)
    assert "SEARCH orders USING INTEGER PRIMARY KEY (rowid>?)" in newest
    assert "TEMP B-TREE" not in newest
    for sql in (TOUCHED_SQL, WRONG_SQL):
        assert "SEARCH e USING INDEX ix_event_order (order_id=?)" in plan(sql, "[1]")
    sending = plan(SENDING_SQL, 1, 1)
    assert "SEARCH i USING INTEGER PRIMARY KEY (rowid>?)" in sending
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)" in sending
    assert "SEARCH quarter USING PRIMARY KEY (at>?)" in plan(NAMED_SQL, 1)
    deeds = plan(DEEDS_SQL, 1)
    assert "SEARCH deed USING PRIMARY KEY (at>?)" in deeds
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)" in deeds
    finished = plan(FINISHED_SQL, 1, 1, 1)
    assert "SEARCH e USING INTEGER PRIMARY KEY (rowid>?)" in finished
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)" in finished
    assert "TEMP B-TREE" not in finished
    assert "SEARCH i USING INDEX ux_intent_order (order_id=? AND effect=?)" in plan(SENT_SQL, "[1]", 1)
    unsent = plan(UNSENT_SQL, 1, 1)
    assert all(f"i USING INDEX {name}" in unsent for name in ("ix_intent_due", "ix_intent_blocked"))
    queue = plan(QUEUE_SQL)
    assert "SCAN o USING INDEX ix_orders_queue" in queue
    assert "FOR ORDER BY" not in queue
    bounded = (CAME_SQL, WALK_SQL, FINISHED_SQL, SENDING_SQL, UNSENT_SQL, DEEDS_SQL, QUEUE_SQL)
    assert all("LIMIT" in sql for sql in bounded)
    assert "orders" not in BACKLOG_SQL + HELD_SQL


def _batches(tx: Tx, items: list[str]) -> list[None]:
    """One person's act on each order of two great batches, and another person's on the day's own."""
    (own,) = tx.all("SELECT max(id) FROM orders WHERE ext_id = 'W5'")
    for name in items:
        tx.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO orders SELECT -i, shop, 'B' || i, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, "
            "refunded, refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, "
            "created_at, paid_at, deadline, received_at, delivered_at, changed_at, note FROM n, orders WHERE id = ?",
            (QUEUE, own[0]),
        )
        tx.run(
            "INSERT INTO deed SELECT ?, ?, id, 1, ?, ? FROM orders WHERE id < 0",
            (tx.now // HOUR, name, tx.now, tx.now),
        )
    return [None for _ in items]


async def test_great_batches_of_one_person_push_nobody_off_the_wall(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path)
    now = await writer.do(fill_day, None)
    await writer.do(_batches, "aaron")
    await writer.stop()
    seen = await look(_Reads(writer.path), now)
    assert set(seen.people) == {"aaron", "amei", "bo"}
    assert seen.people["amei"].acts == 2
    assert seen.people["aaron"].acts == QUEUE - 2, "those of which all have one are looked at first"
