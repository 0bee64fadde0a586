"""Whatever happens to a merchant's orders, in whatever order: the audit has no violation after any step.

The machine keeps its own books of what the outside said and what left the house, and never asks the code under test
what it thinks of them.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

_ARGS: dict[str, dict[str, Any]] = {
    "priority": {"priority": 2}, "tag": {"tag": "x"}, "note": {"note": "n"}, "hold": {"note": "n"},
    "fix_contact": {"contact": "new@example.com"}, "map_sku": {"product": "p1"},
}  # fmt: skip


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


class Merchant:
    """Orders live; money comes and goes; effects fail in every way; people decide; the core dies."""

    def __init__(self, template: Path) -> None:
        self.template = template
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="keydesk-machine-", dir=self.template.parent))
        self.rig = Rig(self.folder)
        shutil.copy(self.template, self.rig.path)
        self.run(self.rig.__aenter__())
        self.run(self.rig.stock("p1", 6))
        self.orders: list[Books] = []
        self.open: dict[int, Opened] = {}  # by intent
        self.home: dict[int, tuple[int, str, int]] = {}  # key -> the slot it was on its way to

    def close_shop(self) -> None:
        self.run(self.rig.writer.stop())
        self.loop.close()
        shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def tell(self, books: Books, *updates: Any, places: int = 0) -> None:
        done = self.run(self.rig.pull(*updates, shop=books.shop, places=places))
        assert len(done.opened) <= places
        for opened in done.opened:
            self.open[opened.intent] = opened
            self._leaves(opened, opened.order)

    def any_order(self, pick: int) -> Books:
        return self.orders[pick % len(self.orders)]

    # ---- the outside

    def order_arrives(self, pick: int, how: int) -> None:
        if len(self.orders) == 3:  # few orders, so that much happens to each
            return
        books = Books(1 + how % 3, f"{how % 3}-{len(self.orders)}", 1 + pick % 2)
        self.orders.append(books)
        paid = (0, 400, 1000, 1000, 1000, 1300)[pick % 6]
        if paid:
            books.state = PlatformState.PAID
            self._payment(books, paid, PaymentKind.CHARGE)
        self.tell(books, books.snapshot(payments=tuple(books.money.values())), places=how // 3 % 2)

    def _payment(self, books: Books, amount: int, kind: PaymentKind) -> Payment:
        txn = f"{books.ext}/{len(books.money)}"
        made = Payment(
            account="acc", txn_id=txn, ext_id=books.ext, kind=kind, amount=amount, currency="CNY", at=self.rig.clock()
        )
        books.money[txn] = made
        return made

    def money_moves(self, pick: int, how: int) -> None:
        books = self.any_order(pick)
        kind = PaymentKind.REFUND if how % 3 == 0 else PaymentKind.CHARGE
        self.tell(books, self._payment(books, (1, 300, 600, 1000)[how // 3 % 4], kind))

    def money_returns_whole(self, pick: int, _: int) -> None:
        books = self.any_order(pick)
        if books.net:
            self.tell(books, self._payment(books, books.net, PaymentKind.REFUND))

    def old_news_again(self, pick: int, _: int) -> None:
        books = self.any_order(pick)
        self.tell(books, *books.money.values(), books.snapshot(payments=tuple(books.money.values())))

    def refund_request(self, pick: int, how: int) -> None:
        books = self.any_order(pick)
        state = (RefundState.OPEN, RefundState.GONE, RefundState.OPEN, RefundState.DONE)[how % 4]
        books.asked, books.asked_at = state, books.asked_at + 1
        asked = Refund(
            refund_id=f"r-{books.ext}", ext_id=books.ext, state=state, amount=1000, reason="", at=books.asked_at
        )
        self.tell(books, asked)

    def platform_says(self, pick: int, how: int) -> None:
        books = self.any_order(pick)
        books.state = (PlatformState.PAID, *PlatformState, PlatformState.FORBIDDEN)[how % 9]
        books.total, books.rev = (1000, 1000, 1000, 0, 1200)[how // 9 % 5], books.rev + 1
        self.tell(books, books.snapshot())

    # ---- the house

    def restock(self, pick: int, _: int) -> None:
        self.run(self.rig.stock("p1", 1 + pick % 4))
        self.run(self.rig.writer.do(upkeep.restocked, "p1"))

    def gate(self, pick: int, _: int) -> None:
        self.run(self.rig.pass_gate(1 if pick % 2 else 500))

    def time_passes(self, pick: int, _: int) -> None:
        self.rig.clock.step((0.000001, 1, 100, 400)[pick % 4])

    def open_attempt(self, pick: int, _: int) -> None:
        waiting = self.run(self.rig.all("SELECT id, order_id FROM intent WHERE state IN (0, 4, 5) ORDER BY id"))
        if not waiting:
            return
        intent, number = waiting[pick % len(waiting)]
        opened = self.run(self.rig.open(intent))
        if not isinstance(opened, Opened):
            return
        self.open[intent] = opened
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

    def outcome(self, pick: int, how: int) -> None:
        if not self.open:
            return
        result = (Result.CONFIRMED, *Result, Result.UNKNOWN)[how % 7]
        intent = list(self.open)[pick % len(self.open)]
        opened = self.open.pop(intent)
        at_hand = opened if how // 14 % 2 == 0 else None
        came = self.rig.come(intent, opened.attempt, result, place=how // 7 % 2 == 0, opened=at_hand)
        answer = self.run(came)
        assert answer is not False
        if isinstance(answer, Opened):  # telling the platform opened along with it
            self.open[answer.intent] = answer

    def answer_when_asked(self, pick: int, how: int) -> None:
        unknown = self.run(
            self.rig.all("SELECT id, tries FROM intent WHERE state = ? ORDER BY id", int(IntentState.UNKNOWN))
        )
        if unknown:
            intent, tries = unknown[pick % len(unknown)]
            self.run(self.rig.come(intent, tries, list(Result)[how % 5], asked=True))

    def core_dies(self, _: int, __: int) -> None:
        self.run(self.rig.writer.stop())
        self.rig.writer = Writer(self.rig.path, self.rig.clock)
        self.run(self.rig.writer.start("next"))
        self.open.clear()

        def _left(tx: Any, items: list[Any]) -> list[int]:
            return [outcomes.left_open(tx, self.rig.setup)] * len(items)

        self.run(self.rig.writer.do(_left, None))

    def person_acts(self, pick: int, how: int) -> None:
        self.run(act_somehow(self.rig, self.any_order(pick).ext, how, _ARGS))

    # ---- what must hold

    def nothing_is_violated(self) -> None:
        report = audit(self.rig.path, self.rig.clock())
        assert not [f for f in report.findings if f.severity == "violation"]


# The common steps of an order's way stand here more often, so that most histories come far.
STEPS = (
    *(Merchant.open_attempt, Merchant.outcome, Merchant.order_arrives, Merchant.person_acts) * 3,
    *(Merchant.gate, Merchant.money_moves, Merchant.refund_request, Merchant.platform_says) * 2,
    *(Merchant.money_returns_whole, Merchant.old_news_again, Merchant.restock, Merchant.time_passes),
    *(Merchant.answer_when_asked, Merchant.core_dies),
)
History = list[tuple[int, int, int]]
HISTORIES = st.lists(
    st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 99), st.integers(0, 999)), min_size=30, max_size=70
)


def _live(template: Path, history: History) -> None:
    shop = Merchant(template)
    try:
        shop.order_arrives(2, history[0][2])
        for step, pick, how in history:
            STEPS[step](shop, pick, how)
            shop.nothing_is_violated()
    finally:
        shop.close_shop()


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="keydesk-machines-"))
    migrate(folder / "template.db")
    yield folder / "template.db"
    shutil.rmtree(folder)


def test_no_history_breaks_a_promise(template: Path) -> None:
    @settings(
        max_examples=int(os.environ.get("KEYDESK_EXPLORE") or 60),
        deadline=None,
        derandomize="KEYDESK_EXPLORE" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(HISTORIES)
    def _any_history(history: History) -> None:
        _live(template, history)

    _any_history()
