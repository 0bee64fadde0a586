"""Youzan's orders in our words. Amounts are yuan strings, times Beijing text (facts: A1).

Virtual goods never wait to be shipped: they count as shipped from the moment they are paid, and as received a week
later. For them "shipped" is therefore Youzan's word and not ours, and such an order is taken as paid and waiting, unless
it was paid before this desk looked after the shop.
"""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, email_in
from core.model.clock import SECOND, from_text
from core.model.money import parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

CURRENCY: Final = "CNY"
WAITS: Final = "WAIT_SELLER_SEND_GOODS"
_SENT: Final = "WAIT_BUYER_CONFIRM_GOODS"
_STATES: Final = {
    "WAIT_BUYER_PAY": PlatformState.UNPAID,
    "TRADE_PAID": PlatformState.FORBIDDEN,
    "WAIT_CONFIRM": PlatformState.FORBIDDEN,
    WAITS: PlatformState.PAID,
    _SENT: PlatformState.SHIPPED,
    "TRADE_SUCCESS": PlatformState.FINISHED,
    "TRADE_CLOSED": PlatformState.CANCELLED,
}
_FORBID: Final = {"TRADE_PAID": "just paid", "WAIT_CONFIRM": "group forming, or not yet accepted"}
# order_info.refund_state: none, partly, in full; 1 and 11 while the money moves.
_MONEY_BACK: Final = {0: "", 1: "refund under way", 2: "", 11: "refund under way", 12: "refunded"}
# refund_order[].refund_state, another count; 50 (closed) and 60 (done) follow from the order of the documented list.
_ASKED: Final = {1: True, 10: False, 20: True, 30: True, 40: True, 50: False, 60: False}
# Goods that Youzan ships by itself: knowledge, virtual goods, electronic coupons.
_VIRTUAL: Final = frozenset({31, 182, 183})
# Two changes within one second carry one ``update_time``; the later stage has the higher revision.
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
    oid: str
    num: int
    price: str
    total_fee: str
    payment: str
    discount_price: str
    item_type: int
    item_id: int | None = None
    sku_id: int | None = None
    title: str | None = None
    outer_item_id: str | None = None
    outer_sku_id: str | None = None
    is_present: bool | None = None
    item_message: str | None = None
    buyer_messages: str | None = None


class _Tags(Struct):
    is_virtual: bool = False


class _Info(Struct):
    tid: str
    status: str
    created: str
    update_time: str
    refund_state: int
    pay_time: str | None = None
    order_tags: _Tags | None = None


class _Money(Struct):
    payment: str
    post_fee: str


class _Buyer(Struct):
    yz_open_id: str | None = None


class _Remark(Struct):
    buyer_message: str | None = None


class _Full(Struct):
    order_info: _Info
    pay_info: _Money
    orders: list[_Item]
    buyer_info: _Buyer | None = None
    remark_info: _Remark | None = None


class _Claim(Struct):
    refund_state: int


class _Trade(Struct):
    full_order_info: _Full
    refund_order: list[_Claim] | None = None


class _PeekInfo(Struct):
    tid: str = ""
    status: str = ""


class _PeekFull(Struct):
    order_info: _PeekInfo


class _Peek(Struct):
    full_order_info: _PeekFull


_TRADE = msgspec.json.Decoder(_Trade)
_PEEK = msgspec.json.Decoder(_Peek)


def waits_for_us(update: OrderUpdate) -> bool:
    """True for a paid order that Youzan itself holds to be unshipped, so that it has to be told."""
    try:
        return _PEEK.decode(update.raw).full_order_info.order_info.status == WAITS
    except UNREADABLE:
        return False


def order_of(raw: bytes | msgspec.Raw, shop: str, since: int) -> OrderUpdate | Quarantined:
    """The snapshot of a list row or a detail, with the platform-held money as one payment.

    ``since``: UTC seconds; virtual goods that were paid before it are somebody else's work. Quarantined when anything
    does not add up.
    """
    data = bytes(raw)
    try:
        trade = _TRADE.decode(raw)
    except UNREADABLE as exc:
        try:
            tid = _PEEK.decode(raw).full_order_info.order_info.tid
        except UNREADABLE:
            tid = ""
        return drift_of(exc).quarantined(clean(tid, 64), data)
    try:
        return _order(trade, data, shop, since)
    except Drift as drift:
        return drift.quarantined(clean(trade.full_order_info.order_info.tid, 64), data)


def _order(trade: _Trade, raw: bytes, shop: str, since: int) -> OrderUpdate:
    full, info = trade.full_order_info, trade.full_order_info.order_info
    ext_id = clean(info.tid, 64)
    if not ext_id or ext_id != info.tid:
        raise Drift("order_info.tid", "empty or not plain text")
    paid_at = time_of(info.pay_time, "order_info.pay_time") if info.pay_time else None
    total, freight = yuan(full.pay_info.payment, "pay_info.payment"), yuan(full.pay_info.post_fee, "pay_info.post_fee")
    lines = tuple(_line(item, freight) for item in full.orders)
    check_lines(lines, "orders")
    check_sum(total, sum(line.amount for line in lines), len(lines), "pay_info.payment")
    state, forbid = _state(trade, paid_at, since)
    payments: tuple[Payment, ...] = ()
    if paid_at is not None and total > 0 and state not in (PlatformState.UNPAID, PlatformState.CANCELLED):
        payments = (
            Payment(
                account=shop,
                txn_id=f"yz:{ext_id}",
                ext_id=ext_id,
                kind=PaymentKind.CHARGE,
                amount=total,
                currency=CURRENCY,
                at=paid_at,
            ),
        )
    words = _words(full)
    return OrderUpdate(
        ext_id=ext_id,
        rev=time_of(info.update_time, "order_info.update_time") + _RANK[state],
        state=state,
        created_at=time_of(info.created, "order_info.created"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean((full.buyer_info.yz_open_id if full.buyer_info else "") or "", 100),
        contact=email_in(words),
        message=words,
        paid_at=paid_at,
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _words(full: _Full) -> str:
    """What the buyer wrote: the remark, and the fields that an item asks for, which are JSON text."""
    said = [(full.remark_info.buyer_message if full.remark_info else "") or ""]
    for item in full.orders:
        said += {item.item_message or "": None, item.buyer_messages or "": None}
    return clean(" ".join(text for text in said if text not in ("", "{}", "[]")))


def _state(trade: _Trade, paid_at: int | None, since: int) -> tuple[PlatformState, str]:
    info = trade.full_order_info.order_info
    state = _STATES.get(info.status)
    if state is None:
        raise Drift("order_info.status", f"unknown value {clean(info.status, 40)}")
    if info.refund_state not in _MONEY_BACK:
        raise Drift("order_info.refund_state", f"unknown value {info.refund_state}")
    for claim in trade.refund_order or ():
        if claim.refund_state not in _ASKED:
            raise Drift("refund_order.refund_state", f"unknown value {claim.refund_state}")
    virtual = _virtual(trade.full_order_info)
    if state is PlatformState.CANCELLED:
        return (PlatformState.REFUNDED if paid_at is not None else state), ""
    if (paid_at is None) != (state is PlatformState.UNPAID):
        raise Drift("order_info.pay_time", "missing on a paid order" if paid_at is None else "set on an unpaid order")
    if info.status == _SENT and virtual and paid_at is not None and paid_at >= since * SECOND:
        state = PlatformState.PAID
    if state is not PlatformState.PAID:
        return state, _FORBID.get(info.status, "")
    forbid = _MONEY_BACK[info.refund_state]
    if any(_ASKED[claim.refund_state] for claim in trade.refund_order or ()):
        forbid = forbid or "refund open"
    return (PlatformState.FORBIDDEN if forbid else state), forbid


def _virtual(full: _Full) -> bool:
    """Whether Youzan ships this order by itself; the order's tag and the types of its goods must say the same."""
    tagged = full.order_info.order_tags is not None and full.order_info.order_tags.is_virtual
    kinds = {item.item_type in _VIRTUAL for item in full.orders if not item.is_present}
    if kinds == {tagged} or not kinds:
        return tagged
    if full.order_info.status != _SENT:
        return False
    raise Drift("order_info.order_tags.is_virtual", "the order and its goods disagree on what is virtual")


def _line(item: _Item, freight: int) -> Line:
    amount, price = yuan(item.payment, "orders.payment"), yuan(item.price, "orders.price")
    owed, unit = yuan(item.total_fee, "orders.total_fee"), yuan(item.discount_price, "orders.discount_price")
    if item.num < 1:
        raise Drift("orders.num", "not at least one piece")
    if not item.is_present:
        check_sum(owed, unit * item.num, item.num, "orders.num")
        check_price(unit, price, 1, "orders.discount_price")
    # A line's share of the freight is part of what was paid for it.
    if not owed < amount <= owed + freight + 1:
        check_price(amount, owed, 1, "orders.payment")
    sku = item.outer_sku_id or item.outer_item_id or item.sku_id or item.item_id or ""
    return Line(
        line=clean(item.oid, 64), sku=clean(str(sku), 100), title=clean(item.title or ""), qty=item.num, amount=amount
    )


def yuan(text: str, field: str) -> int:
    """Fen of a yuan string. Raises Drift."""
    try:
        amount = parse_decimal(text)
    except ValueError as exc:
        raise Drift(field, str(exc)) from None
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount


def time_of(text: str, field: str) -> int:
    """UTC us of Beijing text. Raises Drift."""
    try:
        return from_text(text)
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-dd HH:mm:ss") from None
