"""JD's orders in our words. Amounts are yuan strings, times Beijing text (facts: JD 4.1)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_sum, drift_of, email_in, hundredfold
from core.model.clock import from_text
from core.model.money import parse_decimal
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

CURRENCY: Final = "CNY"
FIELDS: Final = (
    "orderId,orderType,orderState,orderTotalPrice,orderSellerPrice,orderPayment,freightPrice,sellerDiscount,orderRemark,"
    "orderStartTime,paymentConfirmTime,modified,pin,open_id_buyer,itemInfoList"
)
_STATES: Final = {
    "NOT_PAY": PlatformState.UNPAID,
    "WAIT_SELLER_STOCK_OUT": PlatformState.PAID,
    "WAIT_SELLER_DELIVERY": PlatformState.FORBIDDEN,
    "LOCKED": PlatformState.FORBIDDEN,
    "PAUSE": PlatformState.FORBIDDEN,
    "POP_ORDER_PAUSE": PlatformState.FORBIDDEN,
    "WAIT_SEND_CODE": PlatformState.FORBIDDEN,
    "WAIT_GOODS_RECEIVE_CONFIRM": PlatformState.SHIPPED,
    "DELIVERY_RETURN": PlatformState.SHIPPED,
    "FINISHED_L": PlatformState.FINISHED,
    "TRADE_CANCELED": PlatformState.CANCELLED,
}
STATES: Final = ",".join(_STATES)
_FORBID: Final = {
    "WAIT_SELLER_DELIVERY": "overseas order",
    "WAIT_SEND_CODE": "local-life order, whose codes go another way",
}
# Who sends what: only 22 (SOP) is shipped by the seller's own call.
_TYPES: Final = {"22": "", "21": "shipped by JD", "75": "local-life order", "34": "game-card order"}
_NEVER: Final = "0001-01-01 00:00:00"
# Two changes within one second carry one ``modified``; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,  # a lock may come and go within the second
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class _Item(Struct):
    skuId: str | int
    jdPrice: str
    itemTotal: str | int
    skuName: str = ""
    outerSkuId: str | None = None


class _Order(Struct):
    """An order as JD shows it; what we do not use is not decoded. The names are JD's."""

    orderId: str | int
    orderType: str | int
    orderState: str
    orderTotalPrice: str
    orderSellerPrice: str
    orderPayment: str
    sellerDiscount: str
    orderStartTime: str
    modified: str
    itemInfoList: list[_Item]
    freightPrice: str | None = None
    paymentConfirmTime: str | None = None
    orderRemark: str | None = None
    pin: str | None = None
    open_id_buyer: str | None = None


class _Number(Struct):
    orderId: str | int = ""


_ORDER = msgspec.json.Decoder(_Order)
_NUMBER = msgspec.json.Decoder(_Number)


def number_of(raw: bytes | msgspec.Raw) -> str:
    """The order number inside ``raw``, "" when it cannot be read."""
    try:
        return clean(str(_NUMBER.decode(raw).orderId), 64)
    except UNREADABLE:
        return ""


def order_of(raw: bytes | msgspec.Raw, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot with the platform-held money as one payment; Quarantined when anything does not add up."""
    data = bytes(raw)
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(number_of(raw), data)
    try:
        return _order(order, data, shop)
    except Drift as drift:
        return drift.quarantined(clean(str(order.orderId), 64), data)


def _order(order: _Order, raw: bytes, shop: str) -> OrderUpdate:
    ext_id = digits(order.orderId, "orderId")
    paid_at = _paid(order.paymentConfirmTime)
    state, forbid = _state(order, paid_at is not None)
    total = _total(order)
    lines = _lines(order, total)
    payments: tuple[Payment, ...] = ()
    if paid_at is not None and total > 0:
        payments = (payment(f"jd:{ext_id}", ext_id, shop, PaymentKind.CHARGE, total, paid_at),)
    message = clean(order.orderRemark or "")
    return OrderUpdate(
        ext_id=ext_id,
        rev=time_of(order.modified, "modified") + _RANK[state],
        state=state,
        created_at=time_of(order.orderStartTime, "orderStartTime"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(order.open_id_buyer or order.pin or "", 100),
        buyer_name=clean(order.pin or "", 100),
        contact=email_in(message),
        message=message,
        paid_at=paid_at,
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _state(order: _Order, paid: bool) -> tuple[PlatformState, str]:
    name, kind = order.orderState, str(order.orderType)
    state = _STATES.get(name)
    if state is None:
        raise Drift("orderState", f"unknown value {clean(name, 40)}")
    if kind not in _TYPES:
        raise Drift("orderType", f"unknown value {clean(kind, 40)}")
    if state is PlatformState.UNPAID and paid:
        raise Drift("paymentConfirmTime", "set on an unpaid order")
    if state is PlatformState.CANCELLED:
        return (PlatformState.REFUNDED if paid else state), ""
    if state not in (PlatformState.PAID, PlatformState.FORBIDDEN):
        return state, ""
    forbid = (_FORBID.get(name, name) if state is PlatformState.FORBIDDEN else "") or _TYPES[kind]
    if not paid:
        # Cash on delivery looks just like this.
        forbid = forbid or "no payment is confirmed"
    return (PlatformState.FORBIDDEN, forbid) if forbid else (PlatformState.PAID, "")


def _total(order: _Order) -> int:
    """What the goods cost after the seller's own discounts: what JD settles with the seller.

    The buyer may pay less (``orderPayment``): JD's coupons and his balance with JD are JD's affair.
    """
    total = yuan(order.orderSellerPrice, "orderSellerPrice")
    goods, less = yuan(order.orderTotalPrice, "orderTotalPrice"), yuan(order.sellerDiscount, "sellerDiscount")
    check_sum(total, goods - less, 1, "orderSellerPrice")
    freight = yuan(order.freightPrice, "freightPrice") if order.freightPrice else 0
    owed = yuan(order.orderPayment, "orderPayment")
    if owed > total + freight:
        raise Drift("orderPayment", "unit_suspect" if hundredfold(owed, total + freight) else "price_mismatch")
    return total


def _lines(order: _Order, total: int) -> tuple[Line, ...]:
    full: list[int] = []
    counts: list[int] = []
    for item in order.itemInfoList:
        qty = int(digits(item.itemTotal, "itemInfoList.itemTotal", 6))
        counts.append(qty)
        full.append(yuan(item.jdPrice, "itemInfoList.jdPrice") * qty)
    whole = sum(full)
    check_sum(yuan(order.orderTotalPrice, "orderTotalPrice"), whole, max(len(full), 1), "itemInfoList.jdPrice")
    lines: list[Line] = []
    spent = cumulated = 0
    for item, qty, price in zip(order.itemInfoList, counts, full, strict=True):
        cumulated += price
        # Running totals are rounded, not shares, so that the amounts add up to the order's.
        upto = total * cumulated // whole if whole else 0
        number = digits(item.skuId, "itemInfoList.skuId")
        code = clean(item.outerSkuId or number, 100)
        lines.append(Line(line=number, sku=code, title=clean(item.skuName, 200), qty=qty, amount=upto - spent))
        spent = upto
    check_lines(tuple(lines), "itemInfoList")
    return tuple(lines)


def payment(txn: str, ext_id: str, shop: str, kind: PaymentKind, amount: int, at: int) -> Payment:
    """Money that JD holds or gave back."""
    return Payment(account=shop, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=CURRENCY, at=at)


def digits(value: str | int, field: str, most: int = 20) -> str:
    """A number that JD writes with or without quotes. Raises Drift."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= most):
        raise Drift(field, "not a number")
    return text


def yuan(text: str, field: str) -> int:
    """Fen. Raises Drift."""
    try:
        amount = parse_decimal(text)
    except ValueError as exc:
        raise Drift(field, str(exc)) from None
    if amount < 0:
        raise Drift(field, "negative amount")
    return amount


def time_of(text: str, field: str) -> int:
    """UTC microseconds of Beijing text. Raises Drift."""
    try:
        at = from_text(text)
    except ValueError:
        raise Drift(field, "not a time of the form yyyy-MM-dd HH:mm:ss") from None
    if at < 0:
        raise Drift(field, "a time before 1970")
    return at


def _paid(text: str | None) -> int | None:
    return None if text is None or text in ("", _NEVER) else time_of(text, "paymentConfirmTime")
