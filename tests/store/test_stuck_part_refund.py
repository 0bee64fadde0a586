"""An order whose money shrank while its key was on its way: what the desk offers can be done, and keeps the books right."""

from pathlib import Path
from typing import Any

import pytest

from core.audit.run import audit
from core.desk.deeds import Deed
from core.desk.inbox import cases
from core.desk.reads import Reader
from core.desk.rows import Frame
from core.model.effects import Result
from core.model.lifecycle import CaseKind, IntentState, Stage
from core.model.order import PaymentKind
from core.pipeline.attempts import NotOpened, Opened
from core.store.engines import reader_engine
from tests.rig import Rig, order, pay
from tests.store.acting import act


async def _stuck(rig: Rig, result: Result = Result.LATER) -> int:
    """Attempted once, then half of the money went back, so that no further attempt may be made."""
    await rig.stock("p1", 2)
    await rig.pull(order(paid=1000))
    await rig.pass_gate()
    intent = await rig.intent()
    opened = await rig.open(intent)
    assert isinstance(opened, Opened)
    assert await rig.come(intent, opened.attempt, result)
    rig.clock.step(10)
    await rig.pull(pay("A1", 500, kind=PaymentKind.REFUND))
    refused = await rig.open(intent)
    assert isinstance(refused, NotOpened)
    assert refused.why == "money no longer covers"
    assert await rig.cases() == [CaseKind.UNDERPAID]
    return intent


async def _offered(rig: Rig, role: str = "supervisor") -> list[dict[str, Any]]:
    engine = reader_engine(rig.path)
    try:
        deed = Deed({}, "wang", role, "", rig.setup)
        page = await cases(Reader(engine), "", "", 50, deed, Frame({}, rig.clock(), rig.setup.fresh_us))
    finally:
        await engine.dispose()
    return [case for case in page["cases"] if case["kind"] == "underpaid"]


def _violations(rig: Rig) -> list[Any]:
    return [f for f in audit(rig.path, rig.clock()).findings if f.severity == "violation"]


@pytest.mark.parametrize("result", [Result.LATER, Result.NOT_SENT, Result.UNKNOWN])
async def test_every_decision_that_is_offered_can_be_taken(tmp_path: Path, result: Result) -> None:
    for at in range(2):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with Rig(folder) as rig:
            await _stuck(rig, result)
            (case,) = await _offered(rig)
            assert [(d["action"], d["args"]) for d in case["decisions"]] == [
                ("was_sent", {}),
                ("close", {"as_is": True}),
            ]
            assert [(d["action"], d["why"]) for d in case["blocked"]] == [
                ("not_sent", "nothing_unknown"),
                ("close", "sent_already"),
                ("close", "sent_already"),
                ("accept_case", "needs_another_decision"),
            ]
            chosen = case["decisions"][at]
            assert await act(rig, "A1", chosen["action"], **chosen["args"]) == ""
            assert await rig.cases() == []
            assert _violations(rig) == []


async def test_it_was_sent_delivers_and_nothing_goes_out_again(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        intent = await _stuck(rig, Result.UNKNOWN)
        assert await act(rig, "A1", "was_sent") == ""
        assert await rig.stage() == Stage.DELIVERED
        assert await rig.one("SELECT state FROM intent WHERE id = ?", intent) == IntentState.CONFIRMED
        assert await rig.one("SELECT result FROM attempt WHERE intent_id = ?", intent) == "confirmed"


async def test_closed_as_it_is_burns_the_keys_and_keeps_them_from_stock(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        intent = await _stuck(rig)
        assert await act(rig, "A1", "close", as_is=True) == ""
        assert await rig.stage() == Stage.CLOSED
        assert await rig.one("SELECT state FROM intent WHERE id = ?", intent) == IntentState.DROPPED
        assert await rig.all("SELECT state, count(*) FROM key GROUP BY state") == [(0, 1), (3, 1)]
        assert await rig.all("SELECT free, sold, burnt FROM stock WHERE product = 'p1'") == [(1, 0, 1)]
        assert await rig.one("SELECT body ->> '$.net' FROM event WHERE kind = 23") == 500


async def test_as_it_is_is_no_way_round_money_or_an_open_question(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await _stuck(rig)
        await rig.pull(pay("A1", 500, "rest"))  # the buyer pays the rest: it goes on by itself
        assert await act(rig, "A1", "close", as_is=True) == "money_kept"
    other = tmp_path / "other"
    other.mkdir()
    async with Rig(other) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        intent = await rig.intent()
        assert isinstance(await rig.open(intent), Opened)
        await rig.pull(pay("A1", 500, kind=PaymentKind.REFUND))
        assert await act(rig, "A1", "close", as_is=True) == "sending_now"


async def test_a_part_paid_order_is_not_offered_what_its_money_forbids(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.pull(order(paid=400))
        (case,) = await _offered(rig)
        assert [(d["action"], d["args"]) for d in case["decisions"]] == [("close", {"by_hand": True})]
        (seen,) = await _offered(rig, "operator")
        assert seen["decisions"] == []
        assert [d["why"] for d in seen["blocked"] if d["action"] == "close"] == ["needs_supervisor"] * 3
