"""A filter that matches little costs a window no more than so many orders; who wants more looks on from its mark."""

from pathlib import Path
from typing import Any

import pytest

from console.client import Client
from console.looking import LOOKS
from core.desk import view_counts, views
from core.desk.claims import ClaimWork, next_sql
from core.desk.reads import Reader, Row
from core.desk.view_counts import count
from core.desk.views import Page, select, stop_sql, window, window_sql
from core.model.clock import MINUTE, SECOND
from core.model.ids import first_id
from core.model.lifecycle import Stage
from core.store.engines import reader_engine
from core.store.tx import Tx
from tests.end_to_end.servicekit import desk
from tests.store.deskdata import Seed, explain, query, writer_on
from tests.store.test_desk_plans import _CONTEXT
from tests.store.test_desk_rows import _context, _frame

_SEEDS = [Seed(i, nprio=-(i % 3), buyer="rare" if i % 37 == 0 else "b") for i in range(1, 201)]


class Counting(Reader):
    """A reader that knows how many statements it was asked."""

    asked = 0

    async def all(self, sql: str, params: Any = ()) -> list[Row]:
        """Count, then read."""
        self.asked += 1
        return await super().all(sql, params)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("view", ["work", "recent", "open"])
async def test_looking_on_from_the_mark_finds_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, back: bool
) -> None:
    monkeypatch.setattr(views, "SLICES", (3, 8))
    stage = Stage.DELIVERED if view == "recent" else Stage.OPEN
    writer = await writer_on(tmp_path, [seed._replace(stage=stage) for seed in _SEEDS])
    engine = reader_engine(writer.path)
    reader = Counting(engine)
    order = "id DESC" if view == "recent" else "nprio, due_at, id"
    expected = [r[0] for r in query(writer.path, f"SELECT id FROM orders WHERE buyer = 'rare' ORDER BY {order}")]
    assert len(expected) == 5
    selection = select(view, "buyer=rare", _context(), 50_000)
    found: list[int] = []
    page, windows = Page(2, before="end" if back else ""), 0
    while True:
        reader.asked = 0
        shown = await window(reader, selection, page, _frame())
        assert reader.asked <= 10
        windows += 1
        ids = [row["id"] for row in shown["rows"]]
        assert len(ids) <= 2
        found = ids + found if back else found + ids
        full = len(ids) == 2
        mark = shown["next"] or ((shown["first"] if back else shown["last"]) if full else None)
        if mark is None:
            break
        page = Page(2, before=mark) if back else Page(2, after=mark)
    assert found == expected
    assert windows > 10, "no window looked at all of it"
    await engine.dispose()
    await writer.stop()


async def test_the_bare_queue_is_read_at_once(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, _SEEDS)
    engine = reader_engine(writer.path)
    reader = Counting(engine)
    shown = await window(reader, select("work", "", _context(), 0), Page(50), _frame())
    assert (len(shown["rows"]), shown["next"]) == (50, None)
    assert reader.asked == 2, "the window, and what hangs on its orders"
    await engine.dispose()
    await writer.stop()


async def test_a_count_says_when_it_has_looked_at_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = await writer_on(tmp_path, _SEEDS)
    engine = reader_engine(writer.path)
    rare = select("work", "buyer=rare", _context(), 0)
    assert await count(Reader(engine), rare, _context()) == (5, True)
    monkeypatch.setattr(view_counts, "COUNT_SLICES", (20, 20))
    found, exact = await count(Reader(engine), rare, _context())
    assert found <= 2
    assert not exact
    monkeypatch.setattr(view_counts, "COUNT_SLICES", (90,) * 10)
    assert await count(Reader(engine), rare, _context()) == (5, True)
    await engine.dispose()
    await writer.stop()


@pytest.mark.parametrize("page", [Page(), Page(after="0.5.7"), Page(before="0.5.7")])
async def test_a_slice_is_searched_between_two_keys(tmp_path: Path, page: Page) -> None:
    """Both ends stand in the index search: nothing behind the slice's end is touched."""
    writer = await writer_on(tmp_path)
    await writer.stop()
    selection = select("work", "buyer=nobody", _CONTEXT, 0)
    plan = explain(writer.path, *window_sql(selection, page, (0, 5, 7), (0, 9, 9)))
    assert "((nprio,due_at)>(?,?) AND (nprio,due_at)<(?,?))" in plan
    assert "TEMP B-TREE" not in plan
    ends = explain(writer.path, *stop_sql(selection.view, page, (0, 5, 7), 2000))
    assert "ix_orders_queue ((nprio,due_at)" in ends
    assert "SCAN" not in ends


async def test_the_next_order_is_looked_for_beside_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the writer's transaction only the orders that were found are looked at; all hands wait for that thread."""
    monkeypatch.setattr(views, "SLICES", (3, 8))
    async with desk(tmp_path, _SEEDS) as d:
        ids = [
            r[0] for r in query(d.writer.path, "SELECT id FROM orders WHERE buyer = 'rare' ORDER BY nprio, due_at, id")
        ]
        body = {"next": True, "view": "work", "filter": "buyer=rare"}
        taken = [(await d.client.post("/v1/claims", {**body, "skip": ids[:1]}))["row"]["id"] for _ in range(4)]
        assert taken == ids[1:]
        assert (await d.client.post("/v1/claims", {**body, "skip": ids[:1]}))["row"] is None
        assert (await d.client.post("/v1/claims", {**body, "filter": "buyer=nobody"}))["row"] is None
    selection = select("work", "buyer=nobody", _CONTEXT, 0)
    plan = explain(d.writer.path, *next_sql(ClaimWork("wang", 1, None, selection, (7,), (1, 2)), 5))
    assert "SEARCH o USING INTEGER PRIMARY KEY" in plan
    assert "ix_orders_queue" not in plan


@pytest.mark.parametrize("back", [False, True])
async def test_the_console_looks_on_so_far_and_says_how_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    """One window of the console is so many of the core's; what it returns leads on, whether anything was found or not."""
    monkeypatch.setattr(views, "SLICES", (3, 8))
    async with desk(tmp_path, _SEEDS) as d:
        client = Client(str(d.path))
        ids = [
            r[0] for r in query(d.writer.path, "SELECT id FROM orders WHERE buyer = 'rare' ORDER BY nprio, due_at, id")
        ]
        found: list[int] = []
        mark, windows = "end" if back else None, 0
        while True:
            place = {"before" if back else "after": mark}
            shown = await client.queue("work", "buyer=rare", limit=4, **place)  # type: ignore[arg-type]
            new = [row["id"] for row in shown["rows"]]
            found = new + found if back else found + new
            windows += 1
            if len(new) < 4 and not shown.get("next"):
                break
            if len(new) < 4:
                assert shown["looked"] == 11 * LOOKS
                assert shown["looked_to"] is None, "this list is not by time"
            mark = shown["first" if back else "last"]
        assert found == ids
        assert windows >= 4, "none of them looked at all 200 orders"
        await client.close()


async def test_nobody_looks_on_for_an_answer_that_is_not_wanted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "SLICES", (3, 8))
    async with desk(tmp_path, [seed._replace(stage=Stage.DELIVERED) for seed in _SEEDS]) as d:
        client = Client(str(d.path))
        shown = await client.queue("all", "buyer=nobody", wanted=lambda: False)
        assert (shown["rows"], shown["looked"]) == ([], 11)
        again = await client.queue("all", "buyer=nobody", looks=2)
        assert again["looked"] == 22
        at = query(d.writer.path, "SELECT received_at FROM orders WHERE id = ?", (again["last"],))
        assert again["looked_to"] == at[0][0]
        await client.close()


@pytest.mark.parametrize("back", [False, True])
async def test_a_time_of_the_calendar_is_gone_to_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    """Whatever came since, or before, is not walked past: ids are times."""
    monkeypatch.setattr(views, "SLICES", (100,))
    noon = 1_796_119_200 * SECOND
    ids = [first_id(noon + n * MINUTE) for n in range(600)]
    writer = await writer_on(tmp_path, [Seed(id, stage=Stage.DELIVERED) for id in ids])
    await writer.do(_came_at_id, [(noon + n * MINUTE, id) for n, id in enumerate(ids)])
    engine = reader_engine(writer.path)
    reader = Counting(engine)
    monday = select("all", "came:2026-12-01T14:10Z+20m", _context(), 0)
    shown = await window(reader, monday, Page(100, before="end" if back else ""), _frame())
    assert [row["id"] for row in shown["rows"]] == ids[269:249:-1]
    assert shown["next"] is None
    assert reader.asked <= 5
    assert await count(reader, monday, _context()) == (20, True)
    first = await window(reader, monday, Page(15), _frame())
    rest = await window(reader, monday, Page(15, after=first["last"]), _frame())
    assert (len(first["rows"]), len(rest["rows"]), rest["next"], first["before"]) == (15, 5, None, 0)
    plan = explain(writer.path, *window_sql(monday, Page(15), None))
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan
    await engine.dispose()
    await writer.stop()


def _came_at_id(tx: Tx, items: list[list[tuple[int, int]]]) -> list[None]:
    for rows in items:
        tx.many("UPDATE orders SET received_at = ? WHERE id = ?", rows)
    return [None for _ in items]
