"""Every statement that the stages and the desk run in a transaction looks its rows up; none walks a table.

The statements are recorded from real work, so that one that is added tomorrow is judged without being listed.
"""

import asyncio
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.desk.actions import ACTIONS
from core.model.effects import Effect, Outcome, Result
from core.model.order import PaymentKind, PlatformState, Quarantined, RefundState
from core.model.restock import Restock
from core.pipeline import attempts, gate, lanes, outcomes, purchases, sent, upkeep
from core.store import driver
from core.store.tx import Tx
from tests.rig import T0, Rig, order, pay, refund
from tests.store.acting import act
from tests.store.big import big

Seen = dict[str, Sequence[Any]]


async def _busy_day(folder: Path) -> None:
    """Work that reaches every stage and act; what comes of it is judged elsewhere."""
    async with Rig(folder) as rig:
        await rig.stock("p1", 40)
        await rig.pull(pay("A1", 400), refund("A1", RefundState.OPEN), cursor=None)
        await rig.pull(order("A1"), order("A2"), order("A3", sku="?x"), *(order(f"B{n}", paid=1000) for n in range(30)))
        await rig.pull(order("C1", paid=1000), shop=3)
        await rig.pull(pay("A2", 1000), refund("A1", RefundState.GONE, at=T0 + 1), order("A1", rev=T0 + 1, total=900))
        await rig.pull(Quarantined(ext_id="A2", field="f", why="w", raw=b"x"))
        await rig.pull(order("A2", rev=T0 + 1, paid=1000, state=PlatformState.FORBIDDEN))
        await rig.pull(order("A2", rev=T0 + 2, paid=1000, state=PlatformState.PAID))
        await rig.pass_gate()
        await rig.writer.do(upkeep.remap, {("", "?x"): "p1"})
        wish = Restock("p9", "点卡", "cards", "1", below=1, buy=1, price="1", most_a_day=9)
        for _ in range(2):
            await rig.writer.do(purchases.plan_purchases, (wish,))
        bought = await rig.one(purchases.OPEN)
        await rig.writer.do(purchases.open_purchases, bought)
        await rig.writer.do(purchases.end_purchases, purchases.Ended(bought, Outcome(result=Result.UNKNOWN)))
        await rig.writer.do(purchases.decide, purchases.Verdict(bought, True, "ann", "seen"))
        for name in sorted(ACTIONS):
            args: dict[str, Any] = {"priority": {"priority": 2}, "tag": {"tag": "x"}, "note": {"note": "n"}}.get(
                name, {}
            )
            args = args or {"fix_contact": {"contact": "n@example.com"}, "map_sku": {"product": "p1"}}.get(name, {})
            for ext in ("A1", "A2", "A3", "B0"):
                await act(rig, ext, name, **args)
        for n, result in enumerate((*Result, Result.UNKNOWN, Result.UNKNOWN, Result.UNKNOWN), start=1):
            send = await rig.intent(f"B{n}")
            await rig.open(send)
            await rig.come(send, 1, result)
            await act(rig, f"B{n}", "retry")
            if result is Result.CONFIRMED:
                await rig.deliver(await rig.intent(f"B{n}", Effect.SHIP))
                for name in ("resend", "replace_key"):
                    await act(rig, f"B{n}", name)
                    await rig.deliver(await rig.intent(f"B{n}"))
        send = await rig.intent("C1")
        await rig.open(send)
        await rig.come(send, 1, Result.UNKNOWN)
        await act(rig, "C1", "was_sent")
        await rig.pull(pay("B1", 1000, kind=PaymentKind.REFUND), pay("B20", 1000, kind=PaymentKind.REFUND))
        await rig.pull(pay("B20", 1000, "late"))
        await act(rig, "B20", "accept_late")
        await act(rig, "B21", "close", by_hand=True)
        await rig.writer.do(upkeep.expire, None)
        await rig.writer.do(upkeep.restocked, "p1")
        await rig.open(await rig.intent("B22"))

        def _left(tx: Any, items: list[Any]) -> list[int]:
            return [outcomes.left_open(tx, rig.setup)] * len(items)

        await rig.writer.do(_left, None)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Every statement of the busy day with one set of its parameters."""
    seen: Seen = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("all", "one", "run"):
            _record(patch, name, seen)
        many = Tx.many

        def _many(self: Tx, sql: str, rows: Sequence[Sequence[Any]]) -> int:
            if rows and _of_the_product():
                seen.setdefault(sql, rows[0])
            return many(self, sql, rows)

        patch.setattr(Tx, "many", _many)
        for name in ("all_in", "run_in"):
            _record_in(patch, name, seen)
        update = Tx.update

        def _update(self: Tx, before: str, rows: Sequence[Sequence[Any]], after: str) -> int:
            if rows and _of_the_product():
                seen.setdefault(f"{before} (VALUES ({', '.join('?' * len(rows[0]))})) {after}", rows[0])
            return update(self, before, rows, after)

        patch.setattr(Tx, "update", _update)
        asyncio.run(_busy_day(tmp_path_factory.mktemp("day")))
    return seen


def _of_the_product() -> bool:
    """Whether the statement comes from core, not from the tests' own looks into the database."""
    return f"{os.sep}core{os.sep}" in sys._getframe(2).f_code.co_filename


def _record(patch: pytest.MonkeyPatch, name: str, seen: Seen) -> None:
    real = getattr(Tx, name)

    def _call(self: Tx, sql: str, params: Sequence[Any] = ()) -> Any:
        if _of_the_product():
            seen.setdefault(sql, params)
        return real(self, sql, params)

    patch.setattr(Tx, name, _call)


def _record_in(patch: pytest.MonkeyPatch, name: str, seen: Seen) -> None:
    real = getattr(Tx, name)

    def _call(self: Tx, sql: str, params: Sequence[Any], ids: Sequence[int]) -> Any:
        if ids and _of_the_product():
            seen.setdefault(sql.replace(":ids", "?, ?"), [*params, ids[0], ids[-1]])
        return real(self, sql, params, ids)

    patch.setattr(Tx, name, _call)


@pytest.fixture(scope="module", params=["no statistics", "statistics"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ten thousand orders; plans must not depend on whether somebody ran ANALYZE."""
    path = big(tmp_path_factory.mktemp("big") / "big.db", 10_000, request.param == "statistics")
    connection = driver.swap().connect(path)
    yield connection
    connection.close()


def plan(database: Any, sql: str, params: Sequence[Any]) -> list[str]:
    return [str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", params)]


# Tables that stay small for ever: a row a shop, one leader, the orders that somebody has before him now.
SMALL = {"shop", "leader", "claim", "v", "CONSTANT"}  # the last two: the rows that came with the statement


ONCE = {outcomes.LEFT_OPEN}  # asked when a core starts, and never again


def test_the_day_was_busy(recorded: Seen) -> None:
    """The recording would prove nothing if the work had stopped early."""
    for sql in (
        gate.PICK,
        gate.ALLOCATE,
        attempts.FIRST,
        attempts.SHIPS,
        attempts.INTENTS,
        outcomes.ANSWERED,
        sent.INTENTS,
    ):
        assert sql.replace(":ids", "?, ?") in recorded
    assert any(sql.startswith(gate.TAKE_KEYS[0]) for sql in recorded)
    assert len(recorded) > 70


def test_nothing_walks_a_table(recorded: Seen, database: Any) -> None:
    partial = {
        row[0]
        for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'")
    }
    bad = []
    for sql, params in recorded.items():
        if sql in ONCE:
            continue
        steps = plan(database, sql, params)
        for step in steps:
            walked = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
            # A partial index holds only what still waits for something, so walking it is what it is for.
            if walked and "VIRTUAL" not in step and walked[1] not in SMALL and walked[2] not in partial:
                bad.append(f"{sql} -> {steps}")
            sorts = "TEMP B-TREE" in step or "AUTOMATIC" in step
            # Sorting what one batch of ids brought, or the rows of one order, is bounded; sorting a table is not.
            bounded = any("SCAN j VIRTUAL TABLE" in s or "order_id=?" in s for s in steps)
            if sorts and not bounded:
                bad.append(f"{sql} -> {steps}")
    assert bad == []


@pytest.mark.parametrize(
    ("sql", "params", "index"),
    [
        (gate.PICK, (0, 500), "ix_orders_ready"),
        (gate.PICK_STALE, (0, 200), "ix_orders_ready"),
        (gate.ANYONE, (), "ix_orders_ready"),
        (gate.FREE_KEYS, ("p1", 9), "ix_key_free"),
        (gate.LAST_GEN, ("[1,2]",), "ux_intent_order"),
        (lanes.DUE, ("email", 2**60, 100), "ix_intent_due"),
        (lanes.NEXT, ("email",), "ix_intent_due"),
    ],
)
def test_the_queues_read_their_own_index_in_order(database: Any, sql: str, params: Sequence[Any], index: str) -> None:
    steps = plan(database, sql, params)
    assert any(f"INDEX {index}" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps) or sql == gate.LAST_GEN


def _cost(path: Path, sql: str, params: Sequence[Any]) -> int:
    """How many thousands of virtual-machine steps a statement takes: a time without a clock."""
    connection = driver.swap().connect(path)
    steps = 0

    def _step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(_step, 100)
    connection.execute(sql, params).fetchall()
    connection.close()
    return steps


def test_the_gate_costs_the_same_however_many_orders_there_are(tmp_path: Path) -> None:
    small, large = big(tmp_path / "small.db", 5_000), big(tmp_path / "large.db", 100_000)
    for sql, params in ((gate.PICK, (0, 50)), (gate.FREE_KEYS, ("p1", 5)), (lanes.DUE, ("email", 2**60, 20))):
        assert _cost(large, sql, params) <= _cost(small, sql, params) + 2
