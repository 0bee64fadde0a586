"""The state of the world: shops, orders, money, refunds, and the few acts that change them, each with its record."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from connectors.practice.ledger import Ledger
from connectors.practice.market import Market
from connectors.practice.mint import Product, secret
from connectors.practice.recent import Recent

SECOND = 1_000_000


class State(IntEnum):
    """Where an order stands at its platform."""

    UNPAID = 0
    PAID = 1
    SHIPPED = 2
    FINISHED = 3
    CLOSED = 4  # never paid
    REFUNDED = 5


class Flag(IntEnum):
    """Why a paid order must not be shipped."""

    NONE = 0
    FORMING = 1  # group not complete
    RISK = 2  # under review
    FORBID = 3  # the platform forbids it
    FAILED = 4  # group failed or review lost: money goes back


class RefundStatus(IntEnum):
    """A refund request's way."""

    OPEN = 0
    DONE = 1
    GONE = 2


class Refund:
    """A buyer's refund request; ``amount`` in fen, times UTC us."""

    __slots__ = ("amount", "created", "modified", "n", "order", "pos", "reason", "status")

    def __init__(self, n: int, order: Order, reason: str) -> None:
        self.n, self.order, self.reason = n, order, reason
        self.amount, self.status = order.net, RefundStatus.OPEN
        self.created = self.modified = 0
        self.pos = -1


class Order:
    """One order, kept small: a replay holds 70,000 of them. Amounts in fen, times UTC us (0: has not happened)."""

    __slots__ = (
        "buyer", "created", "due", "email", "ended", "ext_id", "flag", "gross", "later", "message", "modified",
        "n", "nick", "note", "paid_at", "pis", "pos", "product", "qty", "refund", "refunded", "shipped_at", "shop",
        "state",
    )  # fmt: skip

    def __init__(self, shop: Shop, n: int, ext_id: str, product: Product, qty: int, due: int) -> None:
        self.shop, self.n, self.ext_id, self.product, self.qty, self.due = shop, n, ext_id, product, qty, due
        self.buyer = self.nick = self.email = self.message = self.note = ""
        self.state, self.flag = State.UNPAID, Flag.NONE
        self.gross = self.refunded = 0
        self.created = self.modified = self.paid_at = self.shipped_at = self.ended = 0
        self.pos = -1
        self.refund: Refund | None = None
        self.pis: list[object] | None = None  # the payment provider's objects, where the shop has one
        self.later: tuple[float, str] | None = None  # what the buyer does after shipping, and how many seconds later

    @property
    def net(self) -> int:
        """Money that the shop holds for this order now, fen."""
        return self.gross - self.refunded


class Shop:
    """A merchant's account at a platform, with its credentials of this world."""

    def __init__(self, market: Market, n: int, rng: random.Random) -> None:
        self.name, self.platform, self.market, self.n = market.shop, market.platform, market, n
        self.orders: dict[str, Order] = {}
        self.recent: Recent[Order] = Recent()
        self.refunds: Recent[Refund] = Recent()
        self.app_key = secret(rng, "", 8)
        self.app_secret = secret(rng)
        self.token = secret(rng, "tok_", 40)
        self.refresh_token = secret(rng, "ref_", 40)
        self.spent_tokens = 0
        self.token_dead_until = 0


class World:
    """All shops and the acts on them. Time moves on with every change, so that no two changes are simultaneous."""

    def __init__(self, ledger: Ledger, clock: Callable[[], int], seed: int, products: tuple[Product, ...]) -> None:
        self.ledger, self.clock, self.seed, self.products = ledger, clock, seed, products
        self.shops: dict[str, Shop] = {}
        self.keys: dict[str, int] = {}
        self.key_files: dict[str, Path] = {}
        self.placed = 0
        self._last = 0
        self._refund_count = 0
        self.on_ship: Callable[[Order], None] | None = None
        self.on_change: Callable[[Order, str], None] | None = None

    def now(self) -> int:
        """UTC us, later than any earlier answer."""
        self._last = max(self._last + 1, self.clock())
        return self._last

    def find(self, shop: str, ext_id: str) -> Order | None:
        """The order, if there is one."""
        at = self.shops.get(shop)
        return at.orders.get(ext_id) if at else None

    def place(self, order: Order) -> None:
        """A buyer places the (still unpaid) order."""
        order.created = self.now()
        order.shop.orders[order.ext_id] = order
        self.placed += 1
        self.ledger.add(
            "order", shop=order.shop.name, ext_id=order.ext_id, product=order.product.code, qty=order.qty,
            due=order.due, contact=order.email, buyer=order.buyer,
        )  # fmt: skip
        self._changed(order, "placed")

    def pay(self, order: Order, amount: int, txn: str = "", flag: Flag = Flag.NONE) -> None:
        """``amount`` fen arrive. An order counts as paid whatever the amount: judging it is the desk's work."""
        order.gross += amount
        if order.state is State.UNPAID:
            order.state, order.flag = State.PAID, flag
            order.paid_at = self.now()
        self._record("pay", order, amount=amount, txn=txn)
        self._changed(order, "paid")

    def close(self, order: Order, why: str) -> None:
        """An unpaid order ends."""
        if order.state is not State.UNPAID:
            return
        order.state, order.ended = State.CLOSED, self.now()
        self._record("close", order, why=why)
        self._changed(order, "closed")

    def clear(self, order: Order) -> None:
        """What forbade shipping is gone."""
        if order.flag in (Flag.FORMING, Flag.RISK, Flag.FORBID):
            order.flag = Flag.NONE
            self._changed(order, "cleared")

    def open_refund(self, order: Order, reason: str) -> None:
        """The buyer asks for all the money back."""
        if order.refund is not None and order.refund.status is not RefundStatus.GONE:
            return
        if order.state not in (State.PAID, State.SHIPPED, State.FINISHED) or order.net <= 0:
            return
        refund = self._new_refund(order, reason)
        self._record("refund_open", order, amount=refund.amount)
        self._changed(order, "refund_open")

    def settle_refund(self, order: Order, agreed: bool) -> None:
        """The open request ends: with the money going back, or withdrawn by the buyer."""
        refund = order.refund
        if refund is None or refund.status is not RefundStatus.OPEN:
            return
        refund.status = RefundStatus.DONE if agreed else RefundStatus.GONE
        order.shop.refunds.touch(refund, self.now())
        if not agreed:
            self._record("refund_gone", order, amount=refund.amount)
            self._changed(order, "refund_gone")
            return
        self._give_back(order, refund.amount)

    def cancel_paid(self, order: Order) -> None:
        """The platform itself undoes a paid order (group failed, review lost): the money goes back at once."""
        if order.state is State.PAID and order.refund is None:
            order.flag = Flag.FAILED
            amount = order.net
            if order.shop.market.undo_opens_refund:
                # There, money goes back by a refund only; others undo a failed group without one.
                self._new_refund(order, "平台关闭交易").status = RefundStatus.DONE
            self._give_back(order, amount)

    def ship(self, order: Order, via: str, ref: str) -> int:
        """The desk said "shipped"; returns the ledger's number to wait for."""
        if order.state is State.PAID:
            order.state, order.shipped_at = State.SHIPPED, self.now()
        n = self._record("ship", order, via=via, ref=ref)
        self._changed(order, "shipped")
        if self.on_ship is not None:
            self.on_ship(order)
        return n

    def finish(self, order: Order) -> None:
        """The buyer confirms."""
        if order.state is not State.SHIPPED:
            return
        if order.refund is not None and order.refund.status is RefundStatus.OPEN:
            return
        order.state, order.ended = State.FINISHED, self.now()
        self._record("finish", order)
        self._changed(order, "finished")

    def annotate(self, order: Order, text: str) -> int:
        """The merchant's memo on an order; it replaces the earlier one."""
        order.note = text
        n = self._record("note", order)
        self._changed(order, "noted")
        return n

    def send(self, shop: str, ext_id: str, keys: list[str], recipient: str, via: str, ref: str) -> int:
        """Keys reached a buyer. The record says what money was there at that moment; returns its number."""
        order = self.find(shop, ext_id)
        return self.ledger.add(
            "send", shop=shop, ext_id=ext_id, keys=keys, slots=len(keys), recipient=recipient, via=via, ref=ref,
            net_paid=order.net if order else 0, due=order.due if order else 0, known=order is not None,
        )  # fmt: skip

    def _new_refund(self, order: Order, reason: str) -> Refund:
        self._refund_count += 1
        refund = Refund(7_380_000_000 + self._refund_count, order, reason)
        refund.created = self.now()
        order.refund = refund
        order.shop.refunds.touch(refund, refund.created)
        return refund

    def _give_back(self, order: Order, amount: int) -> None:
        order.refunded += amount
        order.state, order.ended = State.REFUNDED, self.now()
        self._record("refund_done", order, amount=amount)
        self._changed(order, "refunded")

    def _record(self, kind: str, order: Order, **fields: object) -> int:
        return self.ledger.add(kind, shop=order.shop.name, ext_id=order.ext_id, **fields)

    def _changed(self, order: Order, what: str) -> None:
        order.shop.recent.touch(order, self.now())
        if self.on_change is not None:
            self.on_change(order, what)
