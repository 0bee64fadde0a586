"""The same facts in any order, any grouping and any number of times lead to the same order (money is booked once)."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audit import audit
from core.model.lifecycle import Stage
from core.model.order import PaymentKind, PlatformState, RefundState, Update
from core.store.migrate import migrate
from tests.rig import T0, Rig, order, pay, refund

CREATED = order()
PAID = pay("A1", 1000)
BACK = pay("A1", 1000, kind=PaymentKind.REFUND)
CLOSED = order(rev=T0 + 5, state=PlatformState.CANCELLED)

# name -> (facts, (stage, paid, refunded, open refunds, blocks), open cases, free keys of 3)
FACTS: dict[str, tuple[list[Update], tuple[int, ...], list[str], int]] = {
    "paid, closed and returned": ([CREATED, PAID, CLOSED, BACK], (Stage.CANCELLED, 1000, 1000, 0, 0), [], 3),
    "paid and returned": ([CREATED, PAID, BACK], (Stage.CANCELLED, 1000, 1000, 0, 0), [], 3),
    "closed unpaid": ([CREATED, CLOSED], (Stage.CANCELLED, 0, 0, 0, 0), [], 3),
    "closed with money kept": ([CREATED, PAID, CLOSED], (Stage.CANCELLED, 1000, 0, 0, 1), ["late_payment"], 3),
    "refunded by the platform's word alone": (
        [CREATED, PAID, order(rev=T0 + 5, state=PlatformState.REFUNDED)],
        (Stage.CANCELLED, 1000, 1000, 0, 0), [], 3,
    ),
    "paid in parts, refund asked for and withdrawn": (
        [CREATED, pay("A1", 600, "a"), pay("A1", 400, "b"), refund("A1", RefundState.OPEN),
         refund("A1", RefundState.GONE, at=T0 + 1)],
        (Stage.ALLOCATED, 1000, 0, 0, 0), [], 2,
    ),
    "refund asked for, granted and paid out": (
        [CREATED, PAID, refund("A1", RefundState.OPEN), refund("A1", RefundState.DONE, at=T0 + 1), BACK],
        (Stage.CANCELLED, 1000, 1000, 0, 0), [], 3,
    ),
    "too little": ([CREATED, pay("A1", 400)], (Stage.OPEN, 400, 0, 0, 1), ["underpaid"], 3),
    "too much": ([CREATED, pay("A1", 1300)], (Stage.ALLOCATED, 1300, 0, 0, 0), ["overpaid"], 2),
    "price changed before payment": (
        [CREATED, order(rev=T0 + 5, total=900), pay("A1", 900)], (Stage.ALLOCATED, 900, 0, 0, 0), [], 2,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="keydesk-money-"))
    migrate(folder / "template.db")
    yield folder / "template.db"
    shutil.rmtree(folder)


async def _settles(template: Path, pulls: list[list[Update]]) -> tuple[Any, ...]:
    folder = Path(tempfile.mkdtemp(dir=template.parent))
    rig = Rig(folder)
    shutil.copy(template, rig.path)
    async with rig:
        await rig.stock("p1", 3)
        for pull in pulls:
            await rig.pull(*pull)
        await rig.pass_gate()
        (row,) = await rig.all("SELECT stage, paid, refunded, refund_open, blocks FROM orders")
        booked = await rig.one("SELECT count(*) FROM payment")
        found = (row, await rig.cases(), await rig.one("SELECT free FROM stock"), booked)
        assert [f for f in audit(rig.path, rig.clock()).findings if f.severity == "violation"] == []
    shutil.rmtree(folder)
    return found


@pytest.mark.parametrize("name", FACTS)
def test_the_order_of_facts_does_not_matter(template: Path, name: str) -> None:
    facts, row, cases, free = FACTS[name]
    money = len({f.txn_id for f in facts if hasattr(f, "txn_id")})

    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.sampled_from(facts), max_size=3).flatmap(lambda again: st.permutations([*facts, *again])),
        st.lists(st.booleans(), min_size=9, max_size=9),
    )
    def _any_way(told: list[Update], cuts: list[bool]) -> None:
        pulls: list[list[Update]] = [[]]
        for fact, cut in zip(told, cuts, strict=False):
            if cut:
                pulls.append([])
            pulls[-1].append(fact)
        assert asyncio.run(_settles(template, pulls)) == (row, cases, free, money)

    _any_way()


async def test_one_payment_named_for_two_orders_counts_for_the_first(tmp_path: Path) -> None:
    """A replayed notice of another order's money opens no gate."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        await rig.pull(order("A1"), order("A2"))
        await rig.pull(pay("A1", 1000, "same"))
        await rig.pull(pay("A2", 1000, "same"))
        assert (await rig.pass_gate()).allocated == 1
        assert await rig.stage("A2") == Stage.OPEN
        assert await rig.one("SELECT paid FROM orders WHERE ext_id = 'A2'") == 0


async def test_a_refund_known_before_its_payment_is_never_negative_money(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order())
        await rig.pull(pay("A1", 1000, kind=PaymentKind.REFUND))
        assert await rig.all("SELECT paid, refunded FROM orders") == [(0, 0)]
        report = audit(rig.path, rig.clock())
        assert [(f.invariant, f.severity) for f in report.findings] == [("I8", "warning")]
        await rig.pull(pay("A1", 1000))
        assert await rig.all("SELECT paid, refunded, stage FROM orders") == [(1000, 1000, Stage.CANCELLED)]
        assert audit(rig.path, rig.clock()).findings == ()
