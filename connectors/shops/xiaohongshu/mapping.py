"""Ark's orders in our words. Order amounts are fen, times Unix milliseconds (facts: Xiaohongshu 6.2)."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, email_in
from core.model.order import Line, OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined
from core.model.text import clean

CURRENCY: Final = "CNY"
_UNPAID, _TO_SHIP, _CLOSED, _CANCELLED = 1, 4, 8, 9
_STATES: Final = {
    1: PlatformState.UNPAID,
    2: PlatformState.FORBIDDEN,
    3: PlatformState.FORBIDDEN,
    4: PlatformState.PAID,
    # A hand outside this desk has shipped part of it, and our call would ship the rest: a person looks first.
    5: PlatformState.FORBIDDEN,
    6: PlatformState.SHIPPED,
    7: PlatformState.FINISHED,
    10: PlatformState.FORBIDDEN,
}
_FORBID: Final = {2: "risk review", 3: "customs", 5: "partly shipped elsewhere", 10: "exchange asked for"}
_TYPES: Final = {1: "", 2: "presale", 3: "presale", 4: "presale", 5: "replacement order"}
_AFTER_SALES: Final = {1: "", 2: "refund open", 3: "", 4: "", 5: "", 6: "platform arbitrates", 7: ""}
# Two changes may carry one ``updateTime``; the later stage has the higher revision.
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class _Part(Struct, rename="camel"):
    quantity: int
    raw_price_per_sku: int


class _Sku(Struct, rename="camel"):
    sku_id: str
    sku_quantity: int
    total_paid_amount: int
    total_merchant_discount: int
    total_red_discount: int
    delivery_mode: int
    sku_after_sale_status: int
    sku_detail_list: list[_Part]
    sku_name: str | None = None
    erpcode: str | None = None
    sku_tag: int | None = None


class Order(Struct, rename="camel"):
    """An order as the detail call shows it; what we do not use is not decoded."""

    order_id: str
    order_type: int
    order_status: int
    order_after_sales_status: int
    cancel_status: int
    created_time: int
    update_time: int
    total_pay_amount: int
    total_shipping_free: int  # the platform's spelling of the freight
    sku_list: list[_Sku]
    paid_time: int | None = None
    promise_last_delivery_time: int | None = None
    total_change_price_amount: int | None = None
    customer_remark: str | None = None
    user_id: str | None = None
    unpack: bool | None = None


class _Delivered(Struct, rename="camel"):
    express_tracking_no: str | None = None


class _Row(Struct, rename="camel"):
    order_id: str = ""


_ORDER = msgspec.json.Decoder(Order)
_ROW = msgspec.json.Decoder(_Row)
_DELIVERED = msgspec.json.Decoder(_Delivered)
# Also within parcels, and in answers that are no JSON any more.
_TEXT = re.compile(rb'("expressTrackingNo\w*"\s*:\s*)"(?:[^"\\]|\\.)*"?')


def number_of(raw: bytes | msgspec.Raw) -> str:
    """The order number of a list row or of a detail, "" when it cannot be read. Rows carry no money and no goods."""
    try:
        number = _ROW.decode(raw).order_id
    except UNREADABLE:
        return ""
    return number if number and number == clean(number, 64) else ""


def delivered_text(raw: bytes | msgspec.Raw) -> str:
    """What a detail shows as the delivered text of its order: keys, where this desk has sent them."""
    try:
        return _DELIVERED.decode(raw).express_tracking_no or ""
    except UNREADABLE:
        return ""


def order_of(raw: bytes | msgspec.Raw, shop: str) -> OrderUpdate | Quarantined:
    """The snapshot, with the platform-held money as one payment; Quarantined when anything does not add up.

    What is kept of the payload does not hold the delivered text: a key is stored sealed or not at all.
    """
    kept = _TEXT.sub(rb'\1"***"', bytes(raw))
    try:
        order = _ORDER.decode(raw)
    except UNREADABLE as exc:
        return drift_of(exc).quarantined(number_of(raw), kept)
    try:
        return _order(order, kept, shop)
    except Drift as drift:
        return drift.quarantined(clean(order.order_id, 64), kept)


def _order(order: Order, raw: bytes, shop: str) -> OrderUpdate:
    ext_id = clean(order.order_id, 64)
    if not ext_id or ext_id != order.order_id:
        raise Drift("orderId", "empty or not plain text")
    paid_at = time_of(order.paid_time, "paidTime") if order.paid_time else None
    state, forbid = _state(order, paid_at is not None)
    lines = tuple(_line(sku, order.total_change_price_amount or 0) for sku in order.sku_list)
    check_lines(lines, "skuList")
    total, freight = order.total_pay_amount, order.total_shipping_free
    if total < 0 or freight < 0:
        raise Drift("totalPayAmount" if total < 0 else "totalShippingFree", "negative amount")
    check_sum(total, sum(line.amount for line in lines) + freight, len(lines), "totalPayAmount")
    payments: tuple[Payment, ...] = ()
    if paid_at is not None and total > 0 and state not in (PlatformState.UNPAID, PlatformState.CANCELLED):
        payments = (
            Payment(
                account=shop,
                txn_id=f"xhs:{ext_id}",
                ext_id=ext_id,
                kind=PaymentKind.CHARGE,
                amount=total,
                currency=CURRENCY,
                at=paid_at,
            ),
        )
    message = clean(order.customer_remark or "")
    due = order.promise_last_delivery_time
    return OrderUpdate(
        ext_id=ext_id,
        rev=time_of(order.update_time, "updateTime") + _RANK[state],
        state=state,
        created_at=time_of(order.created_time, "createdTime"),
        total=total,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(order.user_id or "", 100),
        contact=email_in(message),
        message=message,
        paid_at=paid_at,
        deadline=time_of(due, "promiseLastDeliveryTime") if due else None,
        forbid=forbid,
        payments=payments,
        raw=raw,
    )


def _state(order: Order, paid: bool) -> tuple[PlatformState, str]:
    for field, value, known in (
        ("orderType", order.order_type, _TYPES),
        ("orderAfterSalesStatus", order.order_after_sales_status, _AFTER_SALES),
        ("cancelStatus", order.cancel_status, (0, 1)),
    ):
        if value not in known:
            raise Drift(field, f"unknown value {value}")
    for sku in order.sku_list:
        if sku.sku_after_sale_status not in _AFTER_SALES:
            raise Drift("skuList.skuAfterSaleStatus", f"unknown value {sku.sku_after_sale_status}")
        if sku.delivery_mode not in (0, 1):
            raise Drift("skuList.deliveryMode", f"unknown value {sku.delivery_mode}")
    if order.order_status in (_CLOSED, _CANCELLED):
        return (PlatformState.REFUNDED if paid else PlatformState.CANCELLED), ""
    state = _STATES.get(order.order_status)
    if state is None:
        raise Drift("orderStatus", f"unknown value {order.order_status}")
    if paid == (order.order_status == _UNPAID):
        raise Drift("paidTime", "set on an unpaid order" if paid else "missing on a paid order")
    if order.order_status != _TO_SHIP:
        return state, _FORBID.get(order.order_status, "")
    forbid = (
        _AFTER_SALES[order.order_after_sales_status]
        or next((why for sku in order.sku_list if (why := _AFTER_SALES[sku.sku_after_sale_status])), "")
        or ("cancelling asked for" if order.cancel_status else "")
        or _TYPES[order.order_type]
        or ("split into parcels" if order.unpack else "")
        or ("goods that need a parcel" if any(sku.delivery_mode != 1 for sku in order.sku_list) else "")
    )
    return (PlatformState.FORBIDDEN if forbid else state), forbid


def _line(sku: _Sku, changed: int) -> Line:
    """``changed``: by how much the merchant altered the order's price, fen."""
    paid, qty = sku.total_paid_amount, sku.sku_quantity
    if paid < 0:
        raise Drift("skuList.totalPaidAmount", "negative amount")
    if sku.sku_tag not in (None, 0, 1):
        raise Drift("skuList.skuTag", f"unknown value {sku.sku_tag}")
    if sku.sku_tag == 1:
        if paid:
            raise Drift("skuList.totalPaidAmount", "a gift that costs money")
    else:
        _check(sku, paid, qty, abs(changed))
    return Line(
        line=sku.sku_id,
        sku=clean(sku.erpcode or sku.sku_id, 100),
        title=clean(sku.sku_name or ""),
        qty=qty,
        amount=paid,
    )


def _check(sku: _Sku, paid: int, qty: int, changed: int) -> None:
    """Paid plus both discounts is what the parts cost at their list prices.

    A part's ``quantity`` may count the whole line or one of its pieces; the documentation does not say, so either may
    add up, but one of them must.
    """
    parts = sku.sku_detail_list
    if not parts or min(part.quantity for part in parts) < 1 or qty < 1:
        raise Drift("skuList.skuQuantity", "not at least one piece of one part")
    if sku.total_merchant_discount < 0 or sku.total_red_discount < 0:
        raise Drift("skuList.totalMerchantDiscount", "negative discount")
    listed = sum(part.raw_price_per_sku * part.quantity for part in parts)
    owed = paid + sku.total_merchant_discount + sku.total_red_discount
    slack = changed + sum(part.quantity for part in parts) * qty
    whole_line = all(part.quantity % qty == 0 for part in parts)
    if whole_line and abs(owed - listed) <= slack:
        check_price(paid, listed, 1, "skuList.totalPaidAmount")
        return
    if abs(owed - listed * qty) > slack:
        check_sum(owed, listed if whole_line else listed * qty, slack, "skuList.totalPaidAmount")
    check_price(paid, listed * qty, 1, "skuList.totalPaidAmount")


def time_of(stamp: int, field: str) -> int:
    """UTC us of Unix milliseconds between 2014 and 2099; anything else is another unit. Raises Drift."""
    if not 1_400_000_000_000 <= stamp <= 4_100_000_000_000:
        raise Drift(field, "not a time in milliseconds")
    return stamp * 1000
