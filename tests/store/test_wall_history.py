"""The wall's history: noted once a minute, bounded, pruned, told for one shop or all; no statement walks a table."""

from pathlib import Path
from typing import Any

import pytest

from core.desk.reads import Reader
from core.desk.wall_history import (
    FLOW_SQL,
    KEPT,
    LATE_SQL,
    LEVEL_SQL,
    PRUNE_DEEDS_SQL,
    PRUNE_MINUTES_SQL,
    PRUNE_QUARTERS_SQL,
    PRUNE_SQL,
    SPANS,
    History,
    Levels,
    note,
)
from core.model.clock import DAY, HOUR, MINUTE, SECOND
from core.store.engines import reader_engine
from core.store.migrate import migrate
from core.store.tx import Tx
from core.store.writer import Writer
from tests.store.deskdata import Seed, explain, query, writer_on
from tests.store.walldata import fill_day

NOON = 1_796_040_000 * SECOND  # a full hour


class _Clock:
    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


async def _writer(folder: Path, clock: _Clock) -> Writer:
    migrate(folder / "keydesk.db")
    writer = Writer(folder / "keydesk.db", clock=clock)
    await writer.start("test")
    return writer


def _levels(path: Path, span: int) -> list[Any]:
    return query(path, "SELECT at, shop, backlog, late FROM level WHERE span = ? ORDER BY at, shop", (span,))


async def test_each_row_holds_how_it_began(tmp_path: Path) -> None:
    clock = _Clock()
    writer = await _writer(tmp_path, clock)
    for minute in range(61):
        clock.now = NOON + minute * MINUTE
        await writer.do(note, [(1, minute, minute // 2)])
    await writer.stop()
    first = NOON // MINUTE
    assert _levels(writer.path, 60) == [(first // 60, 1, 0, 0), (first // 60 + 1, 1, 60, 30)]
    assert [row[2] for row in _levels(writer.path, 15)] == [0, 15, 30, 45, 60]
    assert len(_levels(writer.path, 1)) == 61


async def test_it_grows_no_further_than_so_many_rows_a_shop(tmp_path: Path) -> None:
    clock = _Clock()
    writer = await _writer(tmp_path, clock)
    for hour in range(24 * 40):
        clock.now = NOON + hour * HOUR
        await writer.do(note, [(1, 5, 1), (2, 3, 0)])
    await writer.stop()
    counts = dict(query(writer.path, "SELECT span, count(*) FROM level GROUP BY span"))
    assert counts[60] == 2 * (KEPT[60] + 1)
    assert counts[15] == 2 * (KEPT[15] // 4 + 1)
    assert counts[1] == 2 * 4


async def test_old_minutes_go_a_day_at_a_time(tmp_path: Path) -> None:
    clock = _Clock()
    writer = await _writer(tmp_path, clock)
    now = NOON // MINUTE
    days = (60, 59, 36, 34, 8, 0)

    def fill(tx: Tx, items: list[None]) -> list[None]:
        tx.many("INSERT INTO minute VALUES(?, 1, 1, 1, 0)", [(now - day * 1440,) for day in days])
        return items

    await writer.do(fill, None)
    left = []
    for _ in range(4):
        await writer.do(note, [])
        left.append(query(writer.path, "SELECT count(*) FROM minute")[0][0])
    await writer.stop()
    assert left == [5, 4, 3, 3], "one day each time, and none of the last five weeks"


async def test_names_of_days_that_nobody_is_told_of_go(tmp_path: Path) -> None:
    clock = _Clock()
    writer = await _writer(tmp_path, clock)

    def fill(tx: Tx, items: list[None]) -> list[None]:
        for hours in (0, 47, 49):
            at = tx.now - hours * HOUR
            tx.run("INSERT INTO quarter VALUES(?, 1, 'p', 1, 1, 0)", (at // (15 * MINUTE),))
            tx.run("INSERT INTO deed VALUES(?, 'amei', 1, 1, ?, ?)", (at // HOUR, at, at))
        return items

    await writer.do(fill, None)
    await writer.do(note, [])
    await writer.stop()
    assert (
        query(writer.path, "SELECT count(*) FROM quarter") == query(writer.path, "SELECT count(*) FROM deed") == [(2,)]
    )


async def test_what_waits_in_each_shop_is_noted(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path)
    now = await writer.do(fill_day, None)
    engine = reader_engine(writer.path)
    await Levels(Reader(engine), writer, lambda: now).sample()
    await engine.dispose()
    await writer.stop()
    assert [row[1:] for row in _levels(writer.path, 1)] == [(1, 1, 0), (2, 1, 1)]


async def test_nothing_is_noted_of_an_empty_database(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path)
    engine = reader_engine(writer.path)
    await Levels(Reader(engine), writer, lambda: NOON).sample()
    await engine.dispose()
    await writer.stop()
    assert _levels(writer.path, 1) == []


async def _told(
    folder: Path, rows: list[tuple[int, int, int, int, int]], notes: list[Any]
) -> tuple[History, Any, _Clock]:
    """Minutes (how long ago, shop, in, delivered, failed) and levels (how long ago, what)."""
    clock = _Clock(NOON + 20 * MINUTE)
    writer = await _writer(folder, clock)

    def fill(tx: Tx, items: list[None]) -> list[None]:
        minute = tx.now // MINUTE
        tx.many("INSERT INTO minute VALUES(?, ?, ?, ?, ?)", [(minute - ago, *rest) for ago, *rest in rows])
        return items

    now = clock.now
    for ago, levels in notes:
        clock.now = now - ago * MINUTE
        await writer.do(note, levels)
    clock.now = now
    await writer.do(fill, None)
    await writer.stop()
    engine = reader_engine(writer.path)
    return History(Reader(engine), clock, lambda: 0.0), engine, clock


@pytest.mark.parametrize(
    ("span", "minutes", "buckets", "first"),
    [("hour", 1, 60, NOON - 39 * MINUTE), ("day", 15, 96, NOON + 15 * MINUTE - 95 * 15 * MINUTE), ("week", 60, 168, NOON - 167 * HOUR)],
)  # fmt: skip
async def test_a_span_for_one_shop_and_for_all(
    tmp_path: Path, span: str, minutes: int, buckets: int, first: int
) -> None:
    rows = [
        (0, 1, 4, 2, 0),
        (0, 2, 1, 1, 1),
        (1, 1, 3, 3, 0),
        (30, 1, 7, 7, 2),
        (23 * 60, 2, 5, 5, 0),
        (100 * 60, 1, 9, 9, 9),
    ]
    history, engine, _ = await _told(tmp_path, rows, [(30, [(1, 8, 3), (2, 1, 0)]), (0, [(1, 6, 0)])])
    told, own = await history.read(span, None), await history.read(span, 1)
    await engine.dispose()
    assert (told["bucket_minutes"], len(told["in"]), told["first"]) == (minutes, buckets, first)
    assert told["in"][-1] == {"hour": 5, "day": 8, "week": 8}[span]
    assert own["in"][-1] == {"hour": 4, "day": 7, "week": 7}[span]
    assert sum(told["in"]) == {"hour": 15, "day": 20, "week": 29}[span]
    assert (sum(told["failed"]), sum(own["failed"])) == {"hour": (3, 2), "day": (3, 2), "week": (12, 11)}[span]
    assert [n for n in told["backlog"] if n is not None] == [9, 6]
    assert [n for n in own["late"] if n is not None] == [3, 0]
    assert told["delivered"][0] == 0, "nothing came, and that is known"
    assert told["backlog"][0] is None, "nobody looked: that is not nothing"


async def test_one_reading_serves_a_second_and_ends_with_its_bucket(tmp_path: Path) -> None:
    history, engine, clock = await _told(tmp_path, [(0, 1, 4, 2, 0)], [])
    got = await history.read("hour", None)
    clock.now += SECOND - 1
    assert (await history.read("hour", None))["at"] == got["at"]
    clock.now += 1
    assert (await history.read("hour", None))["at"] == clock.now
    clock.now = NOON + 21 * MINUTE - 1
    held = await history.read("hour", None)
    clock.now += 1
    assert (await history.read("hour", None))["in"][-2:] == [4, 0], f"another minute began, {held['at']} is over"
    clock.now -= HOUR
    assert (await history.read("hour", None))["at"] == clock.now, "a clock that was set back keeps nothing alive"
    await engine.dispose()


async def test_no_statement_walks_a_table(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(1)])
    await writer.stop()
    path = writer.path
    assert "SEARCH minute USING PRIMARY KEY (at>? AND at<?)" in explain(path, FLOW_SQL, (15, 1, 2))
    assert "SEARCH level USING PRIMARY KEY (span=? AND at>? AND at<?)" in explain(path, LEVEL_SQL, (1, 1, 2))
    assert "SEARCH level USING PRIMARY KEY (span=? AND at<?)" in explain(path, PRUNE_SQL, (1, 2))
    assert "SEARCH minute USING PRIMARY KEY (at<?)" in explain(path, PRUNE_MINUTES_SQL, (2,))
    assert "SEARCH quarter USING PRIMARY KEY (at<?)" in explain(path, PRUNE_QUARTERS_SQL, (2,))
    assert "SEARCH deed USING PRIMARY KEY (at<?)" in explain(path, PRUNE_DEEDS_SQL, (2,))
    late = explain(path, LATE_SQL, (1,))
    assert "SCAN o USING INDEX ix_orders_queue" in late
    assert "FOR ORDER BY" not in late
    assert all(span.buckets <= KEPT[span.minutes] for span in SPANS.values())
    assert KEPT[60] * HOUR == 35 * DAY
