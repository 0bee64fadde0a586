"""Orders seen for the first time: written once, already at the stage that the same transaction can decide."""

from collections.abc import Sequence
from typing import Any

from core.desk.cases import CaseRow, open_cases
from core.desk.holds import HoldRow, open_holds
from core.model.lifecycle import CaseKind, EventKind, HoldReason, Stage
from core.model.order import OrderUpdate, PlatformState, RefundState
from core.pipeline.judging import buyers_seen, due_at_of, facts_of
from core.pipeline.ledger import Ledger, Sum, Sums
from core.pipeline.setup import NOTHING, Judgement, Setup
from core.store.tx import Tx

_NO_MONEY = Sum(0, 0, None, "", 0)
_SHIPPED = (PlatformState.SHIPPED, PlatformState.FINISHED)
_ENDED = (PlatformState.CANCELLED, PlatformState.REFUNDED)

INSERT_ORDER = (
    "INSERT INTO orders(id, shop, ext_id, rev, seen_at, version, stage, pstate, nprio, due_at, blocks, due, paid, refunded, "
    "refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, writeback, created_at, paid_at, "
    "deadline, received_at, delivered_at, changed_at) "
    "VALUES(?, ?, ?, ?, ?, 1, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, NULL, ?)"
)
INSERT_LINE = "INSERT INTO line(order_id, line, sku, product, title, qty, amount) VALUES(?, ?, ?, ?, ?, ?, ?)"
INSERT_RAW = "INSERT INTO order_raw(order_id, raw) VALUES(?, ?)"

Fresh = tuple[int, OrderUpdate, int]  # shop, snapshot, seen at


def first_stage(update: OrderUpdate, mapped: bool, paid: int, refunded: int) -> Stage:
    """Where a new order stands at once."""
    if update.total <= 0:
        return Stage.CANCELLED
    if update.state in _ENDED and paid <= refunded:
        return Stage.CANCELLED
    return Stage.OPEN if mapped else Stage.RECEIVED


class Newcomers:
    """Inserts new orders with their lines, raw payloads, holds, cases and events."""

    def __init__(self, tx: Tx, setup: Setup) -> None:
        self._tx, self._setup = tx, setup

    def insert(self, fresh: Sequence[Fresh], sums: Sums) -> int:
        """Insert all of ``fresh``; returns how many. ``sums`` holds what is paid for them already."""
        if not fresh:
            return 0
        tx, setup = self._tx, self._setup
        ids = tx.new_ids(len(fresh))
        mapped = self._map_lines(fresh, ids)
        judged = self._judge(fresh, mapped, sums)
        rows: list[tuple[Any, ...]] = []
        raws: list[tuple[int, bytes]] = []
        events: list[tuple[int, str]] = []
        cases: list[CaseRow] = []
        holds: list[HoldRow] = []
        keys: dict[tuple[int, str], int] = {}
        ready = False
        stages: dict[tuple[int, Stage], int] = {}
        received: dict[int, int] = {}
        for (shop, u, seen_at), order_id, products, verdict in zip(fresh, ids, mapped, judged, strict=True):
            key = (shop, u.ext_id)
            money = sums.money.get(key, _NO_MONEY)
            paid, refunded = (money.paid, money.refunded) if money.currency in ("", u.currency) else (0, 0)
            refunds = sums.refunds.get(key, ())
            refund_open = sum(r.state == RefundState.OPEN for r in refunds)
            stage = first_stage(u, all(products), paid, refunded)
            paid_at = money.paid_at if money.paid_at is not None else u.paid_at
            first = u.lines[0]
            rows.append(
                (order_id, shop, u.ext_id, u.rev, seen_at, stage, u.state, -verdict.priority)
                + (due_at_of(setup, u.created_at, u.deadline), u.total, paid, refunded, refund_open, u.currency)
                + (sum(line.qty for line in u.lines) if len(u.lines) > 1 else first.qty, products[0], first.title)
                + (u.buyer, u.buyer_name, u.contact, u.message, verdict.tag, u.created_at, paid_at, u.deadline)
                + (tx.now, tx.now)
            )
            raws.append((order_id, u.raw))
            events.append((order_id, f'{{"state":"{u.state.name}","due":{u.total},"paid":{paid},"qty":{first.qty}}}'))
            keys[key] = order_id
            stages[(shop, stage)] = stages.get((shop, stage), 0) + 1
            received[shop] = received.get(shop, 0) + 1
            if stage is not Stage.CANCELLED:
                trouble = self._trouble(order_id, shop, u, products, paid, refunded, money, refund_open)
                cases += trouble
                holds += self._holds(order_id, u, verdict)
                ready = ready or (paid - refunded >= u.total and not trouble)
        tx.many(INSERT_ORDER, rows)
        tx.many(INSERT_RAW, raws)
        tx.events(EventKind.RECEIVED, "intake", events)
        for (shop, stage), count in stages.items():
            tx.moved(shop, None, Stage.RECEIVED, count)
            tx.moved(shop, Stage.RECEIVED, stage, count)
        for shop, count in received.items():
            tx.counted(shop, 0, count)
        Ledger(tx).adopt(keys)
        open_cases(tx, cases)
        open_holds(tx, holds)
        tx.touch(ids)
        if ready:
            tx.wake("gate")
        return len(rows)

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
            [(u.buyer, 1, sums.money.get((shop, u.ext_id), _NO_MONEY).paid) for shop, u, _ in fresh],
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
            money = sums.money.get((shop, u.ext_id), _NO_MONEY)
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

    def _trouble(
        self,
        order_id: int,
        shop: int,
        u: OrderUpdate,
        products: Sequence[str],
        paid: int,
        refunded: int,
        money: Sum,
        refund_open: int,
    ) -> list[CaseRow]:
        found: list[CaseRow] = []
        if not all(products):
            skus = [line.sku for line, product in zip(u.lines, products, strict=True) if not product]
            found.append(CaseRow(order_id, shop, CaseKind.SKU_UNMAPPED, skus[0], {"skus": skus}))
        if money.currency not in ("", u.currency):
            found.append(CaseRow(order_id, shop, CaseKind.PRICE_MISMATCH, "currency", {"due": u.currency}))
        elif paid > u.total:
            found.append(CaseRow(order_id, shop, CaseKind.OVERPAID, "", {"due": u.total, "paid": paid}))
        elif 0 < paid < u.total and not refunded:
            found.append(CaseRow(order_id, shop, CaseKind.UNDERPAID, "", {"due": u.total, "paid": paid}))
        if refund_open:
            found.append(CaseRow(order_id, shop, CaseKind.REFUND_BEFORE, "", {"requests": refund_open}))
        if u.state in _SHIPPED:
            found.append(CaseRow(order_id, shop, CaseKind.ALREADY_SHIPPED, "", {"state": u.state.name}))
        if u.state in _ENDED and paid > refunded:
            found.append(CaseRow(order_id, shop, CaseKind.LATE_PAYMENT, "", {"paid": paid, "refunded": refunded}))
        return found

    def _holds(self, order_id: int, u: OrderUpdate, verdict: Judgement) -> list[HoldRow]:
        found = [HoldRow(order_id, HoldReason(reason), "rules", note) for reason, note in verdict.holds]
        if u.state is PlatformState.FORBIDDEN:
            found.append(HoldRow(order_id, HoldReason.FORBIDDEN, "platform", u.forbid))
        return found
