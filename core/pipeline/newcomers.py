"""Orders seen for the first time: written once, already at the stage that the same transaction can decide."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from core.desk.cases import CaseRow, open_cases
from core.desk.holds import HoldRow, open_holds
from core.model.lifecycle import BLOCKING, CaseKind, EventKind, HoldReason, Stage
from core.model.order import OrderUpdate, PlatformState
from core.pipeline.gate import ANYONE, plan_sends, take_keys
from core.pipeline.judging import buyers_seen, due_at_of, facts_of
from core.pipeline.ledger import NO_MONEY, Ledger, Sums
from core.pipeline.lines import INSERT_LINE
from core.pipeline.setup import NOTHING, Judgement, Setup
from core.store.tx import Tx

_SHIPPED = (PlatformState.SHIPPED, PlatformState.FINISHED)
_ENDED = (PlatformState.CANCELLED, PlatformState.REFUNDED)

INSERT_ORDER = (
    "INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, refunded, "
    "refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, created_at, paid_at, "
    "deadline, received_at, delivered_at, changed_at) "
    "VALUES(?, ?, ?, ?, ?, 1, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, NULL, ?)"
)
INSERT_RAW = "INSERT INTO order_raw(order_id, raw) VALUES(?, ?)"

_STATE = {state: state.name for state in PlatformState}
Fresh = tuple[int, OrderUpdate, int]  # shop, snapshot, seen at


def first_stage(update: OrderUpdate, mapped: bool, paid: int, refunded: int) -> Stage:
    """Where a new order stands at once."""
    # Ended by the platform is ended, whatever became of the money: money that is still there is a case, not a sale.
    if update.total <= 0 or update.state in _ENDED or 0 < paid <= refunded:
        return Stage.CANCELLED
    return Stage.OPEN if mapped else Stage.RECEIVED


class _Seen(NamedTuple):
    """A new order as this transaction understands it. ``odd``: something about it may need a case."""

    shop: int
    update: OrderUpdate
    seen_at: int
    order_id: int
    products: list[str]
    verdict: Judgement
    paid: int
    refunded: int
    refund_open: int
    paid_at: int | None
    stage: Stage
    odd: bool
    alien: bool  # money came in another currency than the order's


class Newcomers:
    """Inserts new orders with their lines, raw payloads, holds, cases and events."""

    def __init__(self, tx: Tx, setup: Setup) -> None:
        self._tx, self._setup = tx, setup
        self._open_refunds: dict[int, int] = {}

    def insert(self, fresh: Sequence[Fresh], ids: Sequence[int], sums: Sums) -> None:
        """Insert all of ``fresh`` under ``ids``. ``sums`` holds what is paid for them already.

        An order that is ready at once passes the gate in this same transaction, written once at ALLOCATED, unless
        others wait at the gate: then it queues behind them.
        """
        if not fresh:
            return
        tx, setup = self._tx, self._setup
        asked = [number for (shop, u, _), number in zip(fresh, ids, strict=True) if (shop, u.ext_id) in sums.refunds]
        self._open_refunds = Ledger(tx).open_refunds(asked)
        mapped = self._map_lines(fresh, ids)
        judged = self._judge(fresh, mapped, sums)
        cases: list[CaseRow] = []
        holds: list[HoldRow] = []
        seen: list[_Seen] = []
        ready: list[_Seen] = []
        since = tx.now - setup.fresh_us
        for (shop, u, seen_at), order_id, products, verdict in zip(fresh, ids, mapped, judged, strict=True):
            one = self._look(shop, u, seen_at, order_id, products, verdict, sums)
            seen.append(one)
            if one.stage is Stage.CANCELLED:
                if one.paid > one.refunded:
                    fact = {"paid": one.paid, "refunded": one.refunded}
                    cases.append(CaseRow(order_id, shop, CaseKind.LATE_PAYMENT, "", fact))
                continue
            trouble = self._trouble(one) if one.odd else ()
            held = self._holds(order_id, u, verdict) if verdict.holds or u.state is PlatformState.FORBIDDEN else ()
            cases += trouble
            holds += held
            if (
                one.stage is Stage.OPEN
                and one.paid - one.refunded >= u.total
                and not one.refund_open
                and not held
                and seen_at >= since
                and (u.contact or not setup.shops[shop].needs_contact)
                and not any(case.kind in BLOCKING for case in trouble)
            ):
                ready.append(one)
        shop_of, taken = self._pass_gate(ready, cases)
        tx.many(INSERT_ORDER, [self._row(one, one.order_id in taken) for one in seen])
        tx.many(INSERT_RAW, [(one.order_id, one.update.raw) for one in seen])
        self._count(seen)
        if taken:
            plan_sends(tx, setup, taken, shop_of)
        open_cases(tx, cases)
        open_holds(tx, holds)
        tx.touch(ids)
        tx.wake("gate")

    def _look(
        self,
        shop: int,
        u: OrderUpdate,
        seen_at: int,
        order_id: int,
        products: list[str],
        verdict: Judgement,
        sums: Sums,
    ) -> "_Seen":
        key = (shop, u.ext_id)
        money, alien = sums.of(key, u.currency)
        paid, refunded = money.paid, min(money.refunded, money.paid)
        if u.state is PlatformState.REFUNDED:
            refunded = paid
        refund_open = self._open_refunds.get(order_id, 0)
        mapped = products[0] != "" if len(products) == 1 else all(products)
        stage = first_stage(u, mapped, paid, refunded)
        odd = not mapped or paid != u.total or refund_open or u.state is not PlatformState.PAID or alien
        paid_at = money.paid_at if money.paid_at is not None else u.paid_at
        return _Seen(
            shop,
            u,
            seen_at,
            order_id,
            products,
            verdict,
            paid,
            refunded,
            refund_open,
            paid_at,
            stage,
            bool(odd),
            alien,
        )

    def _pass_gate(
        self, ready: list["_Seen"], cases: list[CaseRow]
    ) -> tuple[dict[int, tuple[int, str]], dict[int, list[int]]]:
        """The gate for orders that were never in the table: its checks were made above, on what is written below."""
        if not ready or self._tx.one(ANYONE) is not None:
            return {}, {}
        setup = self._setup
        ready.sort(
            key=lambda one: (
                -one.verdict.priority,
                due_at_of(setup, one.update.created_at, one.update.deadline),
                one.order_id,
            )
        )
        shop_of = {one.order_id: (one.shop, one.update.contact) for one in ready}
        wanted = {
            one.order_id: [(x.line, p, x.qty) for x, p in zip(one.update.lines, one.products, strict=True)]
            for one in ready
        }
        return shop_of, take_keys(self._tx, wanted, shop_of, cases)

    def _row(self, one: "_Seen", taken: bool) -> tuple[Any, ...]:
        u, first = one.update, one.update.lines[0]
        qty = first.qty if len(u.lines) == 1 else sum(line.qty for line in u.lines)
        now = self._tx.now
        return (
            (one.order_id, one.shop, u.ext_id, u.rev, one.seen_at, 2 if taken else int(one.stage), int(u.state))
            + (-one.verdict.priority, due_at_of(self._setup, u.created_at, u.deadline), u.total, one.paid, one.refunded)
            + (
                one.refund_open,
                u.currency,
                qty,
                one.products[0],
                first.title,
                u.buyer,
                u.buyer_name,
                u.contact,
                u.message,
            )
            + (one.verdict.tag, u.created_at, one.paid_at, u.deadline, now, now)
        )

    def _count(self, seen: Sequence["_Seen"]) -> None:
        tx = self._tx
        stages: dict[tuple[int, Stage], int] = {}
        for one in seen:
            key = (one.shop, one.stage)
            stages[key] = stages.get(key, 0) + 1
        for (shop, stage), count in stages.items():
            tx.moved(shop, None, Stage.RECEIVED, count)
            tx.moved(shop, Stage.RECEIVED, stage, count)
            tx.counted(shop, 0, count)
        tx.events(
            EventKind.RECEIVED,
            "intake",
            [
                (one.order_id, f'{{"state":"{_STATE[one.update.state]}","due":{one.update.total},"paid":{one.paid}}}')
                for one in seen
            ],
        )

    def _map_lines(self, fresh: Sequence[Fresh], ids: Sequence[int]) -> list[list[str]]:
        setup = self._setup
        rows: list[tuple[Any, ...]] = []
        mapped: list[list[str]] = []
        product_of = setup.catalogue.product_of
        for (shop, u, _), order_id in zip(fresh, ids, strict=True):
            name = setup.shops[shop].name
            products = []
            for line in u.lines:
                product = product_of(name, line.sku)
                products.append(product)
                rows.append((order_id, line.line, line.sku, product, line.title, line.qty, line.amount))
            mapped.append(products)
        self._tx.many(INSERT_LINE, rows)
        return mapped

    def _judge(self, fresh: Sequence[Fresh], mapped: list[list[str]], sums: Sums) -> Sequence[Judgement]:
        setup = self._setup
        seen = buyers_seen(
            self._tx,
            [(u.buyer, 1, sums.money.get((shop, u.ext_id), NO_MONEY).paid) for shop, u, _ in fresh],
            self._tx.now,
        )
        facts = []
        # A page may hold several orders of one buyer: each is told how many there were up to and including itself.
        ahead: dict[str, int] = {}
        for _, u, _ in fresh:
            if u.buyer:
                ahead[u.buyer] = ahead.get(u.buyer, 0) + 1
        for (shop, u, _), products in zip(fresh, mapped, strict=True):
            orders, spent = seen.get(u.buyer, (0, 0))
            if u.buyer:
                ahead[u.buyer] -= 1
                orders -= ahead[u.buyer]
            money = sums.money.get((shop, u.ext_id), NO_MONEY)
            facts.append(
                facts_of(
                    setup,
                    setup.shops[shop],
                    products[0],
                    u,
                    orders,
                    spent,
                    money.paid_at,
                )
            )
        verdicts = setup.judge(facts)
        return verdicts if verdicts else [NOTHING] * len(facts)

    def _trouble(self, one: "_Seen") -> list[CaseRow]:
        order_id, shop, u, products = one.order_id, one.shop, one.update, one.products
        paid, refunded, refund_open = one.paid, one.refunded, one.refund_open
        found: list[CaseRow] = []
        if not all(products):
            skus = [line.sku for line, product in zip(u.lines, products, strict=True) if not product]
            found.append(CaseRow(order_id, shop, CaseKind.SKU_UNMAPPED, skus[0], {"skus": skus}))
        if one.alien:
            found.append(CaseRow(order_id, shop, CaseKind.PRICE_MISMATCH, "currency", {"due": u.currency}))
        elif paid > u.total:
            found.append(CaseRow(order_id, shop, CaseKind.OVERPAID, "", {"due": u.total, "paid": paid}))
        elif 0 < paid < u.total and not refunded:
            found.append(CaseRow(order_id, shop, CaseKind.UNDERPAID, "", {"due": u.total, "paid": paid}))
        if refund_open:
            found.append(CaseRow(order_id, shop, CaseKind.REFUND_BEFORE, "", {"requests": refund_open}))
        if u.state in _SHIPPED:
            found.append(CaseRow(order_id, shop, CaseKind.ALREADY_SHIPPED, "", {"state": u.state.name}))
        return found

    def _holds(self, order_id: int, u: OrderUpdate, verdict: Judgement) -> list[HoldRow]:
        found = [HoldRow(order_id, HoldReason(reason), "rules", note) for reason, note in verdict.holds]
        if u.state is PlatformState.FORBIDDEN:
            found.append(HoldRow(order_id, HoldReason.FORBIDDEN, "platform", u.forbid))
        return found
