"""Xianyu's orders as Agiso shows them, in our words. Amounts are fen, times Unix milliseconds (facts: A4 and C4)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, drift_of, hundredfold
from core.model.order import (
    Line,
    OrderUpdate,
    Payment,
    PaymentKind,
    PlatformState,
    Quarantined,
    Refund,
    RefundState,
)
from core.model.text import clean

CURRENCY: Final = "CNY"
_UNPAID, _PAID, _SHIPPED, _DONE, _REFUNDED, _CLOSED = 1, 2, 3, 4, 5, 6
_STATES: Final = {
    _UNPAID: PlatformState.UNPAID,
    _PAID: PlatformState.PAID,
    _SHIPPED: PlatformState.SHIPPED,
    _DONE: PlatformState.FINISHED,
    _REFUNDED: PlatformState.REFUNDED,
    _CLOSED: PlatformState.CANCELLED,
}
_NONE, _ENDED = (0, 9), 11
_REFUNDS: Final = {
    1: RefundState.OPEN,
    2: RefundState.OPEN,
    3: RefundState.OPEN,
    4: RefundState.GONE,
    5: RefundState.DONE,
    6: RefundState.GONE,
    8: RefundState.OPEN,
}
# An order has no time of its last change there: the latest of its times, and its stage, put snapshots in order.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class _Item(Struct):
    item_id: int
    price: int
    title: str
    outer_id_sku: str | None = None
    outer_id_spu: str | None = None


class Order(Struct):
    """``/Order/Detail``; what we do not use is not decoded."""

    biz_order_id: int
    buy_amount: int
    create_time: int
    end_time: int
    item: _Item
    order_status: int
    pay_time: int
    payment: int
    post_fee: int
    ship_time: int
    encryption_buyer_id: str
    buyer_nick: str
    sku: str | int | None = None
    recharge: bool | str | None = msgspec.field(default=None, name="isRecharge")
    eticket: bool | str | None = msgspec.field(default=None, name="isEticket")


class _Refund(Struct):
    biz_order_id: int
    payment: int
    refund_status: int
    refund_fee: int = 0
    refund_id: int = 0
    refund_create_time: int = 0
    refund_modify_time: int = 0
    buyer_apply_reason: str | None = None


_ORDER = msgspec.json.Decoder(Order)
_REFUND = msgspec.json.Decoder(_Refund)


def order_of(raw: bytes | msgspec.Raw, refund: bytes | msgspec.Raw | None, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot with its money; Quarantined when anything does not add up.

    ``refund``: what ``/Refund/Detail`` shows, None where it knows of none.
    """
    kept = bytes(raw) if refund is None else b'{"order":%b,"refund":%b}' % (bytes(raw), bytes(refund))
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined("", kept)
    try:
        return _order(order, _refund_of(refund), kept, shop)
    except Drift as drift:
        return drift.quarantined(str(order.biz_order_id), kept)


class _Kept(Struct):
    order: msgspec.Raw
    refund: msgspec.Raw


def taken_apart(kept: bytes) -> tuple[bytes, bytes | None]:
    """Order and refund out of what ``order_of`` kept of both."""
    try:
        both = msgspec.json.decode(kept, type=_Kept)
    except UNREADABLE:
        return kept, None
    return bytes(both.order), bytes(both.refund)


def _refund_of(raw: bytes | msgspec.Raw | None) -> _Refund | None:
    if raw is None:
        return None
    try:
        return _REFUND.decode(raw)
    except UNREADABLE as exc:
        drift = drift_of(exc)
        raise Drift(f"refund.{drift.field}", drift.why) from None


def _order(order: Order, asked: _Refund | None, raw: bytes, shop: str) -> OrderUpdate:
    ext_id = str(order.biz_order_id)
    if order.biz_order_id < 10**9:
        raise Drift("biz_order_id", "not an order number")
    state = _STATES.get(order.order_status)
    if state is None:
        raise Drift("order_status", f"unknown value {order.order_status}")
    paid_at = time_of(order.pay_time, "pay_time") if order.pay_time else None
    if paid_at is None and order.order_status not in (_UNPAID, _CLOSED):
        raise Drift("pay_time", "missing on a paid order")
    if paid_at is not None and order.order_status == _UNPAID:
        raise Drift("pay_time", "set on an unpaid order")
    created = time_of(order.create_time, "create_time")
    total = _total(order, paid_at is not None)
    refund, back, changed = _refund(order, asked, ext_id, shop)
    if order.order_status == _REFUNDED and back is None:
        raise Drift("refund.refund_status", "a refunded order without a refund")
    if order.order_status == _CLOSED and paid_at is not None:
        if back is None:
            raise Drift("order_status", "closed, paid and not refunded")
        state = PlatformState.REFUNDED
    forbid = ""
    if state is PlatformState.PAID:
        forbid = _flag(order.recharge, "isRecharge", "top-up order: nothing to hand over")
        forbid = forbid or _flag(order.eticket, "isEticket", "coupon order: its codes go another way")
        state = PlatformState.FORBIDDEN if forbid else state
    code = order.item.outer_id_sku or order.item.outer_id_spu or str(order.item.item_id or "")
    lines = (
        Line(
            line="1", sku=clean(code, 100), title=clean(order.item.title, 200), qty=order.buy_amount, amount=total
        ),
    )  # fmt: skip
    check_lines(lines, "item")
    payments: tuple[Payment, ...] = ()
    if paid_at is not None:
        payments = (_money(shop, f"agiso:{ext_id}", ext_id, PaymentKind.CHARGE, total, paid_at),)
    ends = [time_of(at, name) for at, name in ((order.ship_time, "ship_time"), (order.end_time, "end_time")) if at]
    return OrderUpdate(
        ext_id=ext_id,
        rev=max(created, paid_at or 0, changed, *ends) + _RANK[state],
        state=state,
        created_at=created,
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(order.encryption_buyer_id, 100),
        buyer_name=clean(order.buyer_nick, 100),
        paid_at=paid_at,
        forbid=forbid,
        payments=payments + ((back,) if back else ()),
        refunds=(refund,) if refund else (),
        raw=raw,
    )


def _total(order: Order, paid: bool) -> int:
    """What the buyer owes. The seller can lower the price of an order, which ``payment`` alone shows."""
    if order.buy_amount < 1 or order.item.price < 0 or order.post_fee < 0 or order.payment < 0:
        raise Drift("payment", "negative or no amount")
    full = order.item.price * order.buy_amount + order.post_fee
    if not order.payment:
        if paid:
            raise Drift("payment", "0 on a paid order")
        return full
    check_price(order.payment, full, 1, "payment")
    if order.buy_amount > 1 and order.payment <= order.item.price * (order.buy_amount - 1):
        # Nothing else there says how many were bought, so that a sum which fits fewer is not believed.
        raise Drift("buy_amount", "price_mismatch")
    return order.payment


def _refund(
    order: Order, asked: _Refund | None, ext_id: str, shop: str
) -> tuple[Refund | None, Payment | None, int]:  # fmt: skip
    """The request, the money back, and when it changed."""
    if asked is None or asked.refund_status in _NONE:
        return None, None, 0
    if asked.biz_order_id != order.biz_order_id:
        raise Drift("refund.biz_order_id", "refund of another order")
    if asked.payment != order.payment:
        raise Drift("refund.payment", "not what the order says was paid")
    state = _REFUNDS.get(asked.refund_status)
    if asked.refund_status == _ENDED:
        # "Ended" tells not how; with the order refunded it was with the money.
        state = RefundState.DONE if order.order_status in (_REFUNDED, _CLOSED) else RefundState.GONE
    if state is None:
        raise Drift("refund.refund_status", f"unknown value {asked.refund_status}")
    amount = asked.refund_fee
    if not 0 < amount <= order.payment or (amount < order.payment and hundredfold(amount, order.payment)):
        raise Drift("refund.refund_fee", "not a part of what was paid")
    if asked.refund_id <= 0:
        raise Drift("refund.refund_id", "no number")
    changed = time_of(asked.refund_modify_time or asked.refund_create_time, "refund.refund_modify_time")
    number = f"agiso-refund:{asked.refund_id}"
    back = None
    if state is RefundState.DONE:
        back = _money(shop, number, ext_id, PaymentKind.REFUND, amount, changed)
    reason = clean(asked.buyer_apply_reason or "", 200)
    refund = Refund(refund_id=number, ext_id=ext_id, state=state, amount=amount, reason=reason, at=changed)
    return refund, back, changed


def _money(shop: str, txn: str, ext_id: str, kind: PaymentKind, amount: int, at: int) -> Payment:
    return Payment(account=shop, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=CURRENCY, at=at)


def _flag(value: bool | str | None, field: str, why: str) -> str:
    """The documentation shows flags as true and as "true"."""
    if value in (None, False, "false", "False", ""):
        return ""
    if value in (True, "true", "True"):
        return why
    raise Drift(field, "neither true nor false")


def time_of(milliseconds: int, field: str) -> int:
    """UTC microseconds. Raises Drift outside the years 2001 to 2286: seconds would be in 1970."""
    if not 10**12 <= milliseconds < 10**13:
        raise Drift(field, "not a time in milliseconds")
    return milliseconds * 1000
