"""Cases and holds keep the blocks, the tally, the event log and the blocked intents of their orders."""

from pathlib import Path

from core.desk.cases import CaseRow, close_cases, open_cases
from core.desk.holds import HoldRow, lift_holds, open_holds
from core.model.lifecycle import CaseKind, EventKind, HoldReason, IntentState
from core.store.tx import Touched, Tx
from tests.store.deskdata import Seed, query, writer_on


def _do(call):  # type: ignore[no-untyped-def]
    def handler(tx: Tx, items: list[object]) -> list[object]:
        return [call(tx, item) for item in items]

    return handler


async def test_case_blocks_counts_once_and_frees_on_closing(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(1, keys=True, intent=IntentState.BLOCKED), Seed(2)])
    seen: list[Touched] = []
    writer.on_touched.append(seen.append)
    row = CaseRow(1, 1, CaseKind.NO_STOCK, "steam-50", {"wanted": 2})
    assert await writer.do(_do(open_cases), [row, CaseRow(2, 1, CaseKind.OVERPAID), row]) == 2
    assert await writer.do(_do(open_cases), [row]) == 0
    assert query(writer.path, "SELECT id, blocks FROM orders ORDER BY id") == [(1, 1), (2, 0)]
    assert query(writer.path, "SELECT kind, n FROM case_tally ORDER BY kind") == [("no_stock", 1), ("overpaid", 1)]
    kinds = (CaseKind.NO_STOCK, CaseKind.OVERPAID)
    closed = await writer.do(_do(lambda tx, ids: close_cases(tx, ids, kinds, "stock came", "core")), [1])
    assert closed == [1]
    assert query(writer.path, "SELECT blocks FROM orders WHERE id = 1") == [(0,)]
    assert query(writer.path, "SELECT state FROM intent WHERE order_id = 1") == [(int(IntentState.PENDING),)]
    assert dict(query(writer.path, "SELECT kind, n FROM case_tally")) == {"no_stock": 0, "overpaid": 1}
    assert {"gate", "effects"} <= seen[-1].wake
    assert seen[-1].orders == (1,)
    await writer.stop()


async def test_blocked_intent_waits_for_the_last_block(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(1, keys=True, intent=IntentState.BLOCKED)])
    await writer.do(_do(open_cases), [CaseRow(1, 1, CaseKind.DISPUTE)])
    assert await writer.do(_do(open_holds), [HoldRow(1, HoldReason.MANUAL, "wang", "先等等")]) == 1
    await writer.do(_do(lambda tx, ids: close_cases(tx, ids, [CaseKind.DISPUTE], "ok", "li")), [1])
    assert query(writer.path, "SELECT state FROM intent") == [(int(IntentState.BLOCKED),)]
    assert await writer.do(_do(lambda tx, ids: lift_holds(tx, ids, None, "li")), [1]) == [1]
    assert query(writer.path, "SELECT state FROM intent") == [(int(IntentState.PENDING),)]
    log = query(writer.path, "SELECT kind, actor, body FROM event WHERE order_id = 1 AND kind >= 12 ORDER BY seq")
    assert [(k, a) for k, a, _ in log] == [
        (EventKind.CASE_OPENED, "core"),
        (EventKind.HELD, "wang"),
        (EventKind.CASE_CLOSED, "li"),
        (EventKind.HOLD_LIFTED, "li"),
    ]
    assert "先等等" in log[1][2]
    await writer.stop()


async def test_lift_takes_only_the_named_reasons_and_subjects(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(1)])
    rows = [
        HoldRow(1, HoldReason.MANUAL, "a"),
        HoldRow(1, HoldReason.CONFIRM, "rule"),
        HoldRow(1, HoldReason.MANUAL, "b"),
    ]
    assert await writer.do(_do(open_holds), rows) == 2
    await writer.do(_do(lambda tx, ids: lift_holds(tx, ids, [HoldReason.CONFIRM], "a")), [1])
    assert query(writer.path, "SELECT reason FROM hold WHERE lifted_at IS NULL") == [("manual",)]
    await writer.do(_do(open_cases), [CaseRow(1, 1, CaseKind.NO_STOCK, p) for p in ("x", "y")])
    await writer.do(_do(lambda tx, i: close_cases(tx, i, [CaseKind.NO_STOCK], "ok", "a", subject="x")), [1])
    assert query(writer.path, "SELECT subject FROM case_ WHERE closed_at IS NULL") == [("y",)]
    assert query(writer.path, "SELECT blocks FROM orders") == [(2,)]
    await writer.stop()


async def test_shop_case_without_an_order(tmp_path: Path) -> None:
    writer = await writer_on(tmp_path, [Seed(1)])
    assert await writer.do(_do(open_cases), [CaseRow(0, 1, CaseKind.TOKEN_DEAD, "taobao-main")]) == 1
    assert query(writer.path, "SELECT blocks FROM orders") == [(0,)]
    assert query(writer.path, "SELECT kind, n FROM case_tally") == [("token_dead", 1)]
    await writer.stop()
