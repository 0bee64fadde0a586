"""Whatever happens to a merchant's orders, in whatever order: the audit has no violation after any step.

The machine keeps its own books of what the outside said and what left the house, and never asks the code under test
what it thinks of them.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.audit import audit
from core.model.effects import Effect, Result
from core.model.lifecycle import IntentState
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Refund, RefundState
from core.pipeline import outcomes, upkeep
from core.pipeline.attempts import Opened
from core.store.migrate import migrate
from core.store.writer import Writer
from tests.rig import T0, Rig, order
from tests.store.acting import act_somehow

EXPLORE = bool(os.environ.get("KEYDESK_EXPLORE"))  # other seeds each time, and more of them
_ARGS: dict[str, dict[str, Any]] = {
    "priority": {"priority": 2}, "tag": {"tag": "x"}, "note": {"note": "n"}, "hold": {"note": "n"},
    "fix_contact": {"contact": "new@example.com"}, "map_sku": {"product": "p1"},
}  # fmt: skip
picks = st.integers(0, 99)


class Books:
    """The outside's own books on one order."""

    def __init__(self, shop: int, ext: str, qty: int) -> None:
        self.shop, self.ext, self.qty = shop, ext, qty
        self.total, self.rev, self.state = 1000, T0, PlatformState.UNPAID
        self.money: dict[str, Payment] = {}
        self.asked = RefundState.GONE
        self.asked_at = T0

    @property
    def net(self) -> int:
        """Money that is with the merchant, minor units."""
        if self.state is PlatformState.REFUNDED:
            return 0
        paid = sum(p.amount for p in self.money.values() if p.kind is PaymentKind.CHARGE)
        return max(paid - sum(p.amount for p in self.money.values() if p.kind is PaymentKind.REFUND), 0)

    def snapshot(self, **more: Any) -> OrderUpdate:
        """What the platform shows now."""
        return order(self.ext, rev=self.rev, state=self.state, total=self.total, qty=self.qty, **more)


class Merchant(RuleBasedStateMachine):
    """Orders live; money comes and goes; effects fail in every way; people decide; the core dies."""

    template: Path

    @initialize()
    def open_shop(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="keydesk-machine-", dir=self.template.parent))
        self.rig = Rig(self.folder)
        shutil.copy(self.template, self.rig.path)
        self.run(self.rig.__aenter__())
        self.run(self.rig.stock("p1", 6))
        self.orders: list[Books] = []
        self.open: dict[int, int] = {}  # intent -> attempt
        self.home: dict[int, tuple[int, str, int]] = {}  # key -> the slot it was on its way to

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.run(self.rig.writer.stop())
            self.loop.close()
            shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def tell(self, books: Books, *updates: Any) -> None:
        self.run(self.rig.pull(*updates, shop=books.shop))

    def any_order(self, pick: int) -> Books:
        return self.orders[pick % len(self.orders)]

    # ---- the outside

    @precondition(lambda self: len(self.orders) < 3)  # few orders, so that much happens to each
    @rule(shop=st.sampled_from((1, 2, 3)), qty=st.integers(1, 3), paid=st.sampled_from((0, 0, 400, 1000, 1000, 1300)))
    def order_arrives(self, shop: int, qty: int, paid: int) -> None:
        books = Books(shop, f"{shop}-{len(self.orders)}", qty)
        self.orders.append(books)
        if paid:
            books.state = PlatformState.PAID
            self._payment(books, paid, PaymentKind.CHARGE)
        self.tell(books, books.snapshot(payments=tuple(books.money.values())))

    def _payment(self, books: Books, amount: int, kind: PaymentKind) -> Payment:
        txn = f"{books.ext}/{len(books.money)}"
        made = Payment(
            account="acc", txn_id=txn, ext_id=books.ext, kind=kind, amount=amount, currency="CNY", at=self.rig.clock()
        )
        books.money[txn] = made
        return made

    @precondition(lambda self: self.orders)
    @rule(pick=picks, amount=st.sampled_from((1, 600, 1000)), kind=st.sampled_from(PaymentKind))
    def money_moves(self, pick: int, amount: int, kind: PaymentKind) -> None:
        books = self.any_order(pick)
        self.tell(books, self._payment(books, amount, kind))

    @precondition(lambda self: self.orders)
    @rule(pick=picks)
    def money_returns_whole(self, pick: int) -> None:
        books = self.any_order(pick)
        if books.net:
            self.tell(books, self._payment(books, books.net, PaymentKind.REFUND))

    @precondition(lambda self: self.orders)
    @rule(pick=picks)
    def old_news_again(self, pick: int) -> None:
        books = self.any_order(pick)
        self.tell(books, *books.money.values(), books.snapshot(payments=tuple(books.money.values())))

    @precondition(lambda self: self.orders)
    @rule(pick=picks, state=st.sampled_from(RefundState))
    def refund_request(self, pick: int, state: RefundState) -> None:
        books = self.any_order(pick)
        books.asked, books.asked_at = state, books.asked_at + 1
        asked = Refund(
            refund_id=f"r-{books.ext}", ext_id=books.ext, state=state, amount=1000, reason="", at=books.asked_at
        )
        self.tell(books, asked)

    @precondition(lambda self: self.orders)
    @rule(pick=picks, state=st.sampled_from(PlatformState), total=st.sampled_from((1000, 1000, 1000, 0, 1200)))
    def platform_says(self, pick: int, state: PlatformState, total: int) -> None:
        books = self.any_order(pick)
        books.state, books.total, books.rev = state, total, books.rev + 1
        self.tell(books, books.snapshot())

    # ---- the house

    @rule(count=st.integers(1, 4))
    def restock(self, count: int) -> None:
        self.run(self.rig.stock("p1", count))
        self.run(self.rig.writer.do(upkeep.restocked, "p1"))

    @rule(limit=st.sampled_from((1, 500)))
    def gate(self, limit: int) -> None:
        self.run(self.rig.pass_gate(limit))

    @rule(seconds=st.sampled_from((0.000001, 1, 100, 400)))
    def time_passes(self, seconds: float) -> None:
        self.rig.clock.step(seconds)

    @rule(pick=picks)
    def open_attempt(self, pick: int) -> None:
        waiting = self.run(self.rig.all("SELECT id, order_id FROM intent WHERE state IN (0, 4, 5) ORDER BY id"))
        if not waiting:
            return
        intent, number = waiting[pick % len(waiting)]
        opened = self.run(self.rig.open(intent))
        if not isinstance(opened, Opened):
            return
        self.open[intent] = opened.attempt
        if opened.effect is Effect.SEND:
            self._leaves(opened, number)

    def _leaves(self, opened: Opened, number: int) -> None:
        books = next(b for b in self.orders if b.ext == opened.ext_id)
        due, qty = self.run(self.rig.all("SELECT due, qty FROM orders WHERE id = ?", number))[0]
        assert due > 0
        assert books.net >= due, "a key was on its way without its money"
        assert books.asked is not RefundState.OPEN, "a key was on its way during a refund request"
        assert len(opened.keys) == qty
        for key in opened.keys:
            slot = (number, key.line, key.slot)
            assert self.home.setdefault(key.id, slot) == slot, "one key was on its way to two slots"

    @precondition(lambda self: self.open)
    @rule(pick=picks, result=st.sampled_from(Result))
    def outcome(self, pick: int, result: Result) -> None:
        intent = list(self.open)[pick % len(self.open)]
        assert self.run(self.rig.come(intent, self.open.pop(intent), result))

    @rule(pick=picks, result=st.sampled_from(Result))
    def answer_when_asked(self, pick: int, result: Result) -> None:
        unknown = self.run(
            self.rig.all("SELECT id, tries FROM intent WHERE state = ? ORDER BY id", int(IntentState.UNKNOWN))
        )
        if unknown:
            intent, tries = unknown[pick % len(unknown)]
            self.run(self.rig.come(intent, tries, result, asked=True))

    @rule()
    def core_dies(self) -> None:
        self.run(self.rig.writer.stop())
        self.rig.writer = Writer(self.rig.path, self.rig.clock)
        self.run(self.rig.writer.start("next"))
        self.open.clear()

        def _left(tx: Any, items: list[Any]) -> list[int]:
            return [outcomes.left_open(tx, self.rig.setup)] * len(items)

        self.run(self.rig.writer.do(_left, None))

    @precondition(lambda self: self.orders)
    @rule(pick=picks, which=picks)
    def person_acts(self, pick: int, which: int) -> None:
        self.run(act_somehow(self.rig, self.any_order(pick).ext, which, _ARGS))

    # ---- what must hold

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "rig"):
            report = audit(self.rig.path, self.rig.clock())
            assert not [f for f in report.findings if f.severity == "violation"]


def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="keydesk-machines-"))
    migrate(folder / "template.db")
    return folder / "template.db"


def test_no_history_breaks_a_promise() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    Merchant.template = _template()
    try:
        run_state_machine_as_test(
            Merchant,
            settings=settings(
                max_examples=int(os.environ.get("KEYDESK_EXPLORE") or 60),
                stateful_step_count=60 if EXPLORE else 40,
                deadline=None,
                derandomize=not EXPLORE,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        shutil.rmtree(Merchant.template.parent)
