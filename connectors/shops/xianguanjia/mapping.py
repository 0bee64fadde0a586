"""Xianyu's orders in our words. Amounts are fen, times Unix seconds (facts: A5 and C4)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_sum, drift_of, hundredfold
from core.model.clock import SECOND
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
CARDS: Final = 7  # order_type: card-key order, the one whose keys Xianguanjia hands to the buyer
_KINDS: Final = {
    1: "ordinary order", 2: "distribution order", 3: "inspected goods", 4: "auction", 7: "", 8: "top-up order",
    9: "selected goods", 10: "special sale", 11: "designer toys", 12: "bargain", 14: "presale", 15: "group order",
    24: "cross-border order",
}  # fmt: skip
_UNPAID, _TO_SHIP, _SHIPPED, _DONE, _REFUNDED, _CLOSED = 11, 12, 21, 22, 23, 24
_REFUNDS: Final = {
    1: RefundState.OPEN,
    2: RefundState.OPEN,
    3: RefundState.OPEN,
    4: RefundState.GONE,
    5: RefundState.DONE,
    6: RefundState.GONE,
    8: RefundState.OPEN,
}
_GROUP: Final = {0: "", 1: "group not complete", 2: "", 3: "group failed"}
_IN_GROUP: Final = 20  # idle_biz_type
# Two changes may carry one ``update_time``; the later stage has the higher revision, and so has an order whose keys
# were asked for, whichever of two snapshots of one second is stored last.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.FORBIDDEN: 1,
    PlatformState.PAID: 2,
    PlatformState.SHIPPED: 3,
    PlatformState.FINISHED: 4,
    PlatformState.CANCELLED: 5,
    PlatformState.REFUNDED: 5,
}


class _Goods(Struct):
    quantity: int
    price: int
    product_id: int
    item_id: int
    outer_id: str
    sku_id: int
    sku_outer_id: str
    title: str


class Order(Struct):
    """An order as the detail call shows it; what we do not use is not decoded."""

    order_no: str
    order_status: int
    order_type: int
    order_time: int
    total_amount: int
    pay_amount: int
    pay_no: str
    pay_time: int
    refund_status: int
    refund_amount: int
    refund_time: int
    express_fee: int
    create_time: int
    update_time: int
    buyer_eid: str
    buyer_nick: str
    goods: _Goods
    idle_biz_type: int | None = None
    pin_group_status: int | None = None


class _Row(Struct):
    order_no: str = ""


_ORDER = msgspec.json.Decoder(Order)
_ROW = msgspec.json.Decoder(_Row)


def number_of(raw: bytes | msgspec.Raw) -> str:
    """The order number of a list row or of a detail, "" when it cannot be read."""
    try:
        number = _ROW.decode(raw).order_no
    except UNREADABLE:
        return ""
    return number if number and number == clean(number, 64) else ""


def item_of(raw: bytes | msgspec.Raw) -> tuple[int, int, int]:
    """Type, quantity and item of an order that ``order_of`` has understood."""
    order = _ORDER.decode(raw)
    return order.order_type, order.goods.quantity, order.goods.item_id


def order_of(raw: bytes | msgspec.Raw, shop: str, asked: bool) -> OrderUpdate | Quarantined:
    """The snapshot, with the platform-held money and the refund request; Quarantined when anything does not add up.

    ``asked``: whether the platform has asked for this order's keys, without which they cannot be handed over.
    """
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(number_of(raw), bytes(raw))
    try:
        return _order(order, bytes(raw), shop, asked)
    except Drift as drift:
        return drift.quarantined(clean(order.order_no, 64), bytes(raw))


def _order(order: Order, raw: bytes, shop: str, asked: bool) -> OrderUpdate:
    ext_id = clean(order.order_no, 64)
    if ext_id != order.order_no or not (ext_id.isascii() and ext_id.isdigit()):
        raise Drift("order_no", "not a number")
    changed = time_of(order.update_time, "update_time")
    paid_at = time_of(order.pay_time, "pay_time") if order.pay_time else None
    refund, back = _refund(order, ext_id, changed, shop)
    state, forbid = _state(order, paid_at is not None, back)
    if state is PlatformState.PAID and not asked:
        state, forbid = PlatformState.FORBIDDEN, "the platform has not asked for its keys yet"
    total = _total(order)
    goods = order.goods
    own = goods.sku_id or goods.item_id or goods.product_id
    code = goods.sku_outer_id or goods.outer_id or (str(own) if own else "")
    lines = (
        Line(line="1", sku=clean(code, 100), title=clean(goods.title, 200), qty=goods.quantity, amount=total),
    )  # fmt: skip
    check_lines(lines, "goods")
    payments: list[Payment] = []
    if paid_at is not None and total > 0:
        payments.append(
            Payment(
                account=shop,
                txn_id=clean(order.pay_no, 64),
                ext_id=ext_id,
                kind=PaymentKind.CHARGE,
                amount=total,
                currency=CURRENCY,
                at=paid_at,
            )
        )
        if not payments[0].txn_id:
            raise Drift("pay_no", "empty on a paid order")
    payments += [back] if back else []
    return OrderUpdate(
        ext_id=ext_id,
        rev=changed + _RANK[state],
        state=state,
        created_at=time_of(order.order_time or order.create_time, "order_time"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(order.buyer_eid, 100),
        buyer_name=clean(order.buyer_nick, 100),
        paid_at=paid_at,
        forbid=forbid,
        payments=tuple(payments),
        refunds=(refund,) if refund else (),
        raw=raw,
    )


def _state(order: Order, paid: bool, back: Payment | None) -> tuple[PlatformState, str]:
    if order.order_type not in _KINDS:
        raise Drift("order_type", f"unknown value {order.order_type}")
    group = order.pin_group_status or 0
    if group not in _GROUP:
        raise Drift("pin_group_status", f"unknown value {group}")
    status = order.order_status
    if status in (_TO_SHIP, _SHIPPED, _DONE, _REFUNDED) and not paid:
        raise Drift("pay_time", "missing on a paid order")
    if status == _UNPAID and paid:
        raise Drift("pay_time", "set on an unpaid order")
    if status == _REFUNDED and back is None:
        raise Drift("refund_status", "a refunded order without a refund")
    if status == _UNPAID:
        return PlatformState.UNPAID, ""
    if status in (_SHIPPED, _DONE):
        return (PlatformState.SHIPPED if status == _SHIPPED else PlatformState.FINISHED), ""
    if status == _REFUNDED:
        return PlatformState.REFUNDED, ""
    if status == _CLOSED:
        if paid and back is None:
            raise Drift("order_status", "closed, paid and not refunded")
        return (PlatformState.REFUNDED if paid else PlatformState.CANCELLED), ""
    if status != _TO_SHIP:
        raise Drift("order_status", f"unknown value {status}")
    in_group = order.order_type == 15 or order.idle_biz_type == _IN_GROUP or group
    if in_group and not group:
        raise Drift("pin_group_status", "missing on a group order")
    kind = _KINDS[order.order_type]
    forbid = _GROUP[group] or (f"{kind}: its keys do not go through Xianguanjia" if kind else "")
    return (PlatformState.FORBIDDEN if forbid else PlatformState.PAID), forbid


def _total(order: Order) -> int:
    """What the buyer owes. The seller can lower the price of an order, which ``pay_amount`` alone shows."""
    goods = order.goods
    if goods.quantity < 1 or goods.price < 0 or order.express_fee < 0 or order.pay_amount < 0:
        raise Drift("goods", "negative or no amount")
    full = goods.price * goods.quantity
    # Whether the sum includes freight is not documented; keys have none.
    if order.total_amount != full + order.express_fee:
        check_sum(order.total_amount, full, 1, "total_amount")
    if not order.pay_time:
        return order.total_amount
    if not order.pay_amount:
        raise Drift("pay_amount", "0 on a paid order")
    if order.pay_amount > order.total_amount:
        unit = hundredfold(order.pay_amount, order.total_amount)
        raise Drift("pay_amount", "unit_suspect" if unit else "price_mismatch")
    if order.pay_amount < order.total_amount and hundredfold(order.pay_amount, order.total_amount):
        raise Drift("pay_amount", "unit_suspect")
    return order.pay_amount


def _refund(order: Order, ext_id: str, changed: int, shop: str) -> tuple[Refund | None, Payment | None]:
    """One order has one request at a time, which has no number of its own there."""
    if order.refund_status == 0:
        if order.refund_amount or order.refund_time:
            raise Drift("refund_status", "0 beside a refund's amount or time")
        return None, None
    state = _REFUNDS.get(order.refund_status)
    if state is None:
        raise Drift("refund_status", f"unknown value {order.refund_status}")
    amount = order.refund_amount
    if not 0 <= amount <= order.pay_amount:
        raise Drift("refund_amount", "more than was paid, or negative")
    number = f"xianyu-refund:{ext_id}"
    back = None
    if state is RefundState.DONE:
        if not amount:
            raise Drift("refund_amount", "0 on a refund that is done")
        if amount < order.pay_amount and hundredfold(amount, order.pay_amount):
            raise Drift("refund_amount", "unit_suspect")
        back = Payment(
            account=shop,
            txn_id=number,
            ext_id=ext_id,
            kind=PaymentKind.REFUND,
            amount=amount,
            currency=CURRENCY,
            at=time_of(order.refund_time, "refund_time"),
        )
    # The reason is not shown there; an amount of 0 on an open request means all of it.
    refund = Refund(
        refund_id=number, ext_id=ext_id, state=state, amount=amount or order.pay_amount, reason="", at=changed
    )
    return refund, back


def time_of(seconds: int, field: str) -> int:
    """UTC microseconds. Raises Drift outside the years 2001 to 2286: milliseconds would be far in the future."""
    if not 10**9 <= seconds < 10**10:
        raise Drift(field, "not a time in seconds")
    return seconds * SECOND
