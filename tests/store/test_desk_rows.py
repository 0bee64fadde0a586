"""Windows on a real database: order, paging, marks, the row's shape; why codes equal in Python and in SQL."""

import random
from pathlib import Path
from typing import Any

from core.desk.cases import CaseRow, open_cases
from core.desk.filter import Context
from core.desk.holds import HoldRow, open_holds
from core.desk.reads import Reader
from core.desk.rows import Frame
from core.desk.view_counts import count, total
from core.desk.views import Page, select, window
from core.desk.why import WHY_SQL
from core.model.clock import now_us
from core.model.lifecycle import CaseKind, HoldReason, IntentState, Stage
from core.store.engines import reader_engine
from core.store.tx import Tx
from tests.store.deskdata import Seed, query, writer_on

_SHOPS = {1: ("taobao-main", "taobao"), 2: ("pdd-main", "pinduoduo")}
_FRESH = 120_000_000
_MINUTE = 60_000_000


def _context() -> Context:
    return Context(now_us(), "wang", _FRESH)


def _frame() -> Frame:
    return Frame(_SHOPS, now_us(), _FRESH)


async def _window(reader: Reader, view: str, filter_text: str = "", **page: Any) -> dict[str, Any]:
    return await window(reader, select(view, filter_text, _context(), 50_000), Page(**page), _frame())


async def test_paging_visits_every_order_once_in_both_directions(tmp_path: Path) -> None:
    seeds = [Seed(i, nprio=-(i % 3), deadline=(i * 7 % 40) * _MINUTE, shop=1 + i % 2) for i in range(1, 121)]
    writer = await writer_on(tmp_path, seeds)
    engine = reader_engine(writer.path)
    reader = Reader(engine)
    expected = [r[0] for r in query(writer.path, "SELECT id FROM orders ORDER BY nprio, due_at, id")]
    page = await _window(reader, "work", limit=50)
    assert page["before"] == 0
    forward = [page]
    while page["rows"]:
        page = await _window(reader, "work", limit=50, after=page["last"])
        forward.append(page)
    assert [row["id"] for p in forward for row in p["rows"]] == expected
    assert forward[1]["before"] is None
    back = await _window(reader, "work", limit=50, before=forward[1]["first"])
    assert [row["id"] for row in back["rows"]] == expected[:50]
    assert back["before"] == 0
    middle = await _window(reader, "work", limit=3, at=expected[60])
    assert [row["id"] for row in middle["rows"]] == expected[60:63]
    assert await total(reader, select("work", "", _context(), 0), _context()) == 120
    assert await count(reader, select("work", "@pdd", _context(), 0), _context()) == (60, True)
    await engine.dispose()
    await writer.stop()


async def test_row_has_the_shape_of_the_contract(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(7, due=1230, paid=1000, deadline=10 * _MINUTE, tag="大额", nprio=-3)])

    def trouble(tx: Tx, items: list[int]) -> list[None]:
        open_cases(tx, [CaseRow(7, 1, CaseKind.UNDERPAID), CaseRow(7, 1, CaseKind.NO_STOCK, "a")])
        open_cases(tx, [CaseRow(7, 1, CaseKind.NO_STOCK, "b")])
        open_holds(tx, [HoldRow(7, HoldReason.MANUAL, "li")])
        tx.run("INSERT INTO claim VALUES(7, 'li', ?)", (tx.now + _MINUTE,))
        return [None for _ in items]

    await writer.do(trouble, 1)
    engine = reader_engine(writer.path)
    (row,) = (await _window(Reader(engine), "exceptions"))["rows"]
    until = row["claim"].pop("until")
    assert until > now_us()
    assert {k: v for k, v in row.items() if k not in ("created_at", "deadline", "version")} == {
        "id": 7, "ext_id": "T7", "shop": "taobao-main", "platform": "taobao", "product": "steam-50", "title": "Steam 50",
        "qty": 1, "amount": 1230, "paid": 1000, "refunded": 0, "currency": "CNY", "buyer": "张三", "stage": "open",
        "money": "part_paid", "why": "hold:manual", "tag": "大额", "priority": 3, "lateness": "ok",
        "claim": {"by": "li"}, "cases": ["underpaid", "no_stock"], "holds": ["manual"], "note": "",
    }  # fmt: skip
    await engine.dispose()
    await writer.stop()


async def test_why_is_the_same_in_rows_and_in_filters(tmp_path: Path) -> None:
    """2,000 orders in random states: the Python code of each row equals what the filter's SQL says."""
    dice = random.Random(5)
    seeds = [
        Seed(
            i, stage=dice.choice(list(Stage)), paid=dice.choice([0, 500, 1000, 1500]), refunded=dice.choice([0, 0, 300]),
            refund_open=dice.choice([0, 0, 1]), writeback=dice.randrange(4), keys=dice.random() < 0.6,
            intent=dice.choice(list(IntentState)),
        )
        for i in range(1, 2001)
    ]  # fmt: skip
    writer = await writer_on(tmp_path, seeds)

    def trouble(tx: Tx, items: list[int]) -> list[None]:
        some = [dice.randrange(1, 2001) for _ in range(900)]
        open_cases(tx, [CaseRow(i, 1, dice.choice(list(CaseKind))) for i in some])
        open_holds(tx, [HoldRow(i, dice.choice(list(HoldReason)), "x") for i in some[:200]])
        tx.run("UPDATE orders SET seen_at = seen_at - ? WHERE id % 5 = 0", (10 * _FRESH,))
        return [None for _ in items]

    await writer.do(trouble, 1)
    engine = reader_engine(writer.path)
    reader = Reader(engine)
    wanted = dict(query(writer.path, f"SELECT o.id, {WHY_SQL} FROM orders o", (now_us() - _FRESH,)))
    got: dict[int, str] = {}
    for view in ("work", "recent"):
        mark = ""
        while (page := await _window(reader, view, limit=500, after=mark))["rows"]:
            got.update({row["id"]: row["why"] for row in page["rows"]})
            mark = page["last"]
    assert got == wanted
    assert len(set(got.values())) > 25
    await engine.dispose()
    await writer.stop()
