"""Pinduoduo orders and refunds in our words. Amounts are yuan, times Beijing text (facts: Pinduoduo orders, refunds)."""

import itertools
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, label
from core.model.clock import SECOND, from_text
from core.model.money import parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.model.text import clean

CURRENCY: Final = "CNY"
_DONE: Final = frozenset({10})
# Only what the platform calls closed without money; every doubtful code stays open and so blocks the gate.
_GONE: Final = frozenset({0, 9, 11, 12, 16, 24, 25})
_OPEN: Final = frozenset({2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 17, 18, 21, 22, 27, 31, 32, 33})
# Two changes within one second carry one ``updated_at``; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,  # a refund or a review may come and go within the second
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


_KNOWN: Final = {
    "order_status": (1, 2, 3),
    "refund_status": (1, 2, 3, 4),
    "confirm_status": (0, 1, 2),
    "group_status": (0, 1, 2),
    "risk_control_status": (0, 1),
}
_COMBINATIONS: Final = frozenset(itertools.product(*_KNOWN.values()))
_NONE: Final = msgspec.Raw()


class _Item(Struct):
    goods_count: int
    goods_price: msgspec.Raw
    goods_name: str = ""
    goods_id: int | str | None = None
    sku_id: int | str | None = None
    outer_id: str | None = None
    outer_goods_id: str | None = None


class Order(Struct):
    """An order as the platform shows it; what we do not use is not decoded."""

    order_sn: str
    order_status: int
    refund_status: int
    confirm_status: int
    group_status: int
    risk_control_status: int
    pay_amount: msgspec.Raw
    created_time: str
    updated_at: str
    item_list: list[_Item]
    discount_amount: msgspec.Raw = _NONE
    postage: msgspec.Raw = _NONE
    pay_time: str | None = None
    last_ship_time: str | None = None
    buyer_memo: str | None = None


class _RefundRow(Struct):
    id: int | str
    order_sn: str
    after_sales_status: int
    refund_amount: msgspec.Raw
    updated_time: str
    order_amount: msgspec.Raw = _NONE
    after_sale_reason: str | None = None


class Glance(Struct):
    """Enough of a list row to know whether it is a whole order or only its number."""

    order_sn: str = ""
    pay_amount: msgspec.Raw = _NONE
    item_list: msgspec.Raw = _NONE


_ORDER = msgspec.json.Decoder(Order)
_REFUND = msgspec.json.Decoder(_RefundRow)
_GLANCE = msgspec.json.Decoder(Glance | str)


def glance(raw: bytes | msgspec.Raw) -> Glance:
    """What a list row is; an unreadable one comes back without a number."""
    try:
        row = _GLANCE.decode(raw)
    except UNREADABLE:
        return Glance()
    return Glance(order_sn=row) if isinstance(row, str) else row


def only_number(raw: bytes | msgspec.Raw) -> str:
    """The number of a list row that tells nothing else; "" for a whole order, and for what cannot be read."""
    data = bytes(raw)
    if b'"pay_amount"' in data and b'"item_list"' in data:  # a quote inside a text is escaped, so these are names
        return ""
    row = glance(raw)
    return "" if bytes(row.pay_amount) and bytes(row.item_list) else row.order_sn


def order_of(raw: bytes | msgspec.Raw, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot, with the platform-held money as one payment; Quarantined when anything does not add up."""
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(clean(glance(raw).order_sn, 64), data)
    try:
        return _order(order, data, shop)
    except Drift as drift:
        return drift.quarantined(clean(order.order_sn, 64), data)


def _order(order: Order, raw: bytes, shop: str) -> OrderUpdate:
    ext_id = clean(order.order_sn, 64)
    if not ext_id or ext_id != order.order_sn:
        raise Drift("order_sn", "empty or not plain text")
    total = _yuan(order.pay_amount, "pay_amount")
    paid_at = _time(order.pay_time, "pay_time") if order.pay_time else None
    state, forbid = _state(order, paid_at)
    lines = _lines(order, total)
    check_lines(lines, "item_list")
    payments: tuple[Payment, ...] = ()
    if paid_at is not None and total > 0 and state not in (PlatformState.UNPAID, PlatformState.CANCELLED):
        payments = (
            Payment(
                account=shop,
                txn_id=f"pdd:{ext_id}",
                ext_id=ext_id,
                kind=PaymentKind.CHARGE,
                amount=total,
                currency=CURRENCY,
                at=paid_at,
            ),
        )
    return OrderUpdate(
        ext_id=ext_id,
        rev=_time(order.updated_at, "updated_at") + _RANK[state],
        state=state,
        created_at=_time(order.created_time, "created_time"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        message=clean(order.buyer_memo or ""),
        paid_at=paid_at,
        deadline=_time(order.last_ship_time, "last_ship_time") if order.last_ship_time else None,
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _state(order: Order, paid_at: int | None) -> tuple[PlatformState, str]:
    told = (
        order.order_status,
        order.refund_status,
        order.confirm_status,
        order.group_status,
        order.risk_control_status,
    )
    if told not in _COMBINATIONS:
        raise _unknown(order)
    if order.refund_status == 4:
        return PlatformState.REFUNDED, ""
    if order.confirm_status == 2:
        return PlatformState.CANCELLED, ""
    if order.order_status in (2, 3):
        if paid_at is None:
            raise Drift("pay_time", "missing on a shipped order")
        return (PlatformState.SHIPPED if order.order_status == 2 else PlatformState.FINISHED), ""
    if paid_at is None:
        if order.confirm_status == 1:
            raise Drift("pay_time", "missing on a confirmed order")
        return PlatformState.UNPAID, ""
    if order.refund_status in (2, 3):
        return PlatformState.FORBIDDEN, "refund open"
    if order.group_status != 1:
        return PlatformState.FORBIDDEN, "group not formed" if order.group_status == 0 else "group failed"
    if order.risk_control_status == 1:
        return PlatformState.FORBIDDEN, "risk review"
    if order.confirm_status == 0:
        return PlatformState.FORBIDDEN, "not confirmed"
    return PlatformState.PAID, ""


def _unknown(order: Order) -> Drift:
    field = next(name for name, known in _KNOWN.items() if getattr(order, name) not in known)
    return Drift(field, f"unknown value {getattr(order, field)}")


def _lines(order: Order, total: int) -> tuple[Line, ...]:
    """The order has one amount; it is laid on the lines by their list price, the last line takes what is left."""
    items = order.item_list
    if not items:
        raise Drift("item_list", "no lines")
    listed = [_yuan(item.goods_price, "item_list.goods_price") * item.goods_count for item in items]
    whole = sum(listed)
    postage = _optional(order.postage, "postage")
    check_sum(total, whole - _optional(order.discount_amount, "discount_amount") + postage, len(items), "pay_amount")
    check_price(total, whole + postage, 1, "pay_amount")
    if len(items) == 1:
        return (_line("1", items[0], total),)
    left, lines = total, []
    for index, (item, price) in enumerate(zip(items, listed, strict=True), 1):
        share = left if index == len(items) else total * price // whole if whole else 0
        left -= share
        lines.append(_line(str(index), item, share))
    return tuple(lines)


def _line(number: str, item: _Item, amount: int) -> Line:
    sku = item.outer_id or item.sku_id or item.outer_goods_id or item.goods_id or ""
    return Line(
        line=number, sku=label(str(sku), 100), title=label(item.goods_name), qty=item.goods_count, amount=amount
    )


def refund_of(raw: bytes | msgspec.Raw, shop: str) -> list[Refund | Payment | Quarantined]:
    """A row of the refund list; with status 10 the money that went back."""
    data = bytes(raw)
    try:
        row = _REFUND.decode(raw)
    except UNREADABLE as exc:
        return [drift_of(exc).quarantined(clean(glance(raw).order_sn, 64), data)]
    ext_id, status = clean(row.order_sn, 64), row.after_sales_status
    try:
        if status not in _DONE | _GONE | _OPEN:
            raise Drift("after_sales_status", f"unknown value {status}")
        amount, at = _yuan(row.refund_amount, "refund_amount"), _time(row.updated_time, "updated_time")
        whole = _optional(row.order_amount, "order_amount")
        if whole:
            check_price(amount, whole, 1, "refund_amount")
    except Drift as drift:
        return [Quarantined(ext_id=ext_id, field=f"refund.{drift.field}", why=drift.why, raw=data)]
    state = RefundState.DONE if status in _DONE else RefundState.GONE if status in _GONE else RefundState.OPEN
    refund = Refund(
        refund_id=str(row.id),
        ext_id=ext_id,
        state=state,
        amount=amount,
        reason=clean(row.after_sale_reason or "", 200),
        at=at,
    )
    if state is not RefundState.DONE or amount == 0:
        return [refund]
    money = Payment(
        account=shop,
        txn_id=f"pdd-refund:{row.id}",
        ext_id=ext_id,
        kind=PaymentKind.REFUND,
        amount=amount,
        currency=CURRENCY,
        at=at,
    )
    return [refund, money]


def _optional(raw: msgspec.Raw, field: str) -> int:
    return 0 if bytes(raw) in (b"", b"null") else _yuan(raw, field)


def _yuan(raw: msgspec.Raw, field: str) -> int:
    try:
        amount = _amount(bytes(raw))
    except ValueError as exc:
        raise Drift(field, str(exc)) from None
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount


@lru_cache(4096)  # a merchant has few prices, and most of what may be added or taken off is 0.00
def _amount(raw: bytes) -> int:
    """Older pages show these as JSON numbers, newer ones as strings; either way the digits are read as text."""
    text = raw.decode("utf-8", "replace")
    return parse_decimal(text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)


_beijing = lru_cache(4096)(from_text)  # the change that brings an order is mostly its payment, so they name one second


def _time(text: str, field: str) -> int:
    """Beijing text; the refund list's own example shows Unix seconds as text."""
    try:
        if len(text) == 10 and text.isascii() and text.isdigit():
            return int(text) * SECOND
        return _beijing(text)
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-dd HH:mm:ss") from None
