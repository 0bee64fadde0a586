"""WeChat shop's orders in our words. Amounts are fen, times Unix seconds (facts: A3 and C4)."""

import contextlib
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_lines, check_price, check_sum, drift_of, email_in
from connectors.shops.wechat_shop.refunds import refund_of, time_of
from core.model.contact import normal
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
VIRTUAL: Final = 1  # deliver_method
_TO_SHIP, _ALL_BACK = 20, 200
_STATES: Final = {
    10: PlatformState.UNPAID,
    20: PlatformState.PAID,
    30: PlatformState.SHIPPED,
    100: PlatformState.FINISHED,
    190: PlatformState.CANCELLED,
    200: PlatformState.REFUNDED,
    250: PlatformState.CANCELLED,
}
_FORBID: Final = {
    12: "a gift that is not accepted yet",
    13: "group not complete",
    15: "waits for the shop's own delivery",
    16: "partly verified",
    17: "waits to be verified",
    21: "partly shipped elsewhere",
}
_RANK: Final = {
    PlatformState.UNPAID: 0,
    PlatformState.PAID: 1,
    PlatformState.FORBIDDEN: 1,
    PlatformState.SHIPPED: 2,
    PlatformState.FINISHED: 3,
    PlatformState.CANCELLED: 4,
    PlatformState.REFUNDED: 4,
}


class Product(Struct):
    """One goods line; ``real_price`` is for all of it, ``sale_price`` for one piece."""

    product_id: str
    sku_id: str
    sku_cnt: int
    sale_price: int
    real_price: int
    title: str
    on_aftersale_sku_cnt: int
    sku_code: str | None = None
    out_sku_id: str | None = None
    delivery_deadline: int | None = None


class _Price(Struct):
    product_price: int
    order_price: int
    freight: int


class _Pay(Struct):
    pay_time: int | None = None
    transaction_id: str | None = None


class _Address(Struct):
    virtual_order_tel_number: str | None = None


class _Delivery(Struct):
    deliver_method: int
    address_info: _Address | None = None


class _Ext(Struct):
    customer_notes: str | None = None


class _Detail(Struct):
    product_infos: list[Product]
    price_info: _Price
    delivery_info: _Delivery
    pay_info: _Pay | None = None
    ext_info: _Ext | None = None


class _Named(Struct):
    aftersale_order_id: str | int


class _AfterSales(Struct):
    on_aftersale_order_cnt: int
    aftersale_order_list: list[_Named] | None = None


class Order(Struct):
    """``order`` of ``/channels/ec/order/get``; what we do not use is not decoded."""

    order_id: str | int
    status: int
    openid: str
    create_time: int
    update_time: int
    order_detail: _Detail
    aftersale_detail: _AfterSales | None = None

    @property
    def number(self) -> str:
        """The order's number."""
        return str(self.order_id)

    @property
    def after_sales(self) -> list[str]:
        """The numbers of all its after-sales."""
        named = self.aftersale_detail.aftersale_order_list if self.aftersale_detail else None
        return [str(one.aftersale_order_id) for one in named or ()]


class _OrderId(Struct):
    order_id: str | int = ""


class _Kept(Struct):
    order: msgspec.Raw
    after_sales: list[msgspec.Raw]


_ORDER = msgspec.json.Decoder(Order)


def decode_order(raw: bytes | msgspec.Raw) -> Order | Quarantined:
    """The order in its own terms, or what could not be read."""
    try:
        return _ORDER.decode(raw)
    except UNREADABLE as exc:
        try:
            number = str(msgspec.json.decode(raw, type=_OrderId).order_id)
        except UNREADABLE:
            number = ""
        return drift_of(exc).quarantined(clean(number, 64), bytes(raw))


def order_of(
    order: Order, raw: bytes, after_sales: Sequence[bytes | msgspec.Raw], shop: str
) -> OrderUpdate | Quarantined:
    """The snapshot with its money and its after-sales; Quarantined when anything does not add up."""
    kept = raw if not after_sales else b'{"order":%b,"after_sales":[%b]}' % (raw, b",".join(map(bytes, after_sales)))
    try:
        return _order(order, after_sales, kept, shop)
    except Drift as drift:
        return drift.quarantined(clean(order.number, 64), kept)


def taken_apart(kept: bytes) -> tuple[bytes, list[msgspec.Raw]]:
    """Order and after-sales out of what ``order_of`` kept of both."""
    try:
        both = msgspec.json.decode(kept, type=_Kept)
    except UNREADABLE:
        return kept, []
    return bytes(both.order), both.after_sales


def _order(order: Order, after_sales: Sequence[bytes | msgspec.Raw], raw: bytes, shop: str) -> OrderUpdate:
    ext_id, detail = order.number, order.order_detail
    if not (ext_id.isascii() and ext_id.isdigit() and 9 < len(ext_id) < 33):
        raise Drift("order_id", "not an order number")
    pay = detail.pay_info or _Pay()
    paid_at = time_of(pay.pay_time, "order_detail.pay_info.pay_time") if pay.pay_time else None
    changed = time_of(order.update_time, "update_time")
    refunds = tuple(refund_of(one, ext_id) for one in after_sales)
    if len({refund.refund_id for refund in refunds}) != len(order.after_sales) or len(refunds) != len(
        order.after_sales
    ):
        raise Drift("aftersale_detail", "not the after-sales that the order names")
    state, forbid = _state(order, paid_at is not None, refunds)
    lines = tuple(_line(product) for product in detail.product_infos)
    check_lines(lines, "order_detail.product_infos")
    price = detail.price_info
    if price.order_price < 0 or price.freight < 0:
        raise Drift("order_detail.price_info", "negative amount")
    goods = sum(line.amount for line in lines)
    check_sum(price.order_price, goods + price.freight, len(lines), "order_detail.price_info.order_price")
    full = sum(product.sale_price * product.sku_cnt for product in detail.product_infos)
    check_sum(price.product_price, full, len(lines), "order_detail.price_info.product_price")
    payments: list[Payment] = []
    if paid_at is not None and price.order_price > 0:
        txn = clean(pay.transaction_id or "", 64)
        if not txn or txn != pay.transaction_id:
            raise Drift("order_detail.pay_info.transaction_id", "missing on a paid order")
        payments.append(_money(shop, txn, ext_id, PaymentKind.CHARGE, price.order_price, paid_at))
    done = [refund for refund in refunds if refund.state is RefundState.DONE]
    if sum(refund.amount for refund in done) > price.order_price:
        raise Drift("after_sales.refund_info.amount", "more than was paid")
    payments += [
        _money(shop, f"wechat-refund:{one.refund_id}", ext_id, PaymentKind.REFUND, one.amount, one.at)
        for one in done
        if one.amount
    ]
    message = clean((detail.ext_info.customer_notes if detail.ext_info else None) or "")
    due = [product.delivery_deadline for product in detail.product_infos if product.delivery_deadline]
    return OrderUpdate(
        ext_id=ext_id,
        rev=max([changed, *(refund.at for refund in refunds)]) + _RANK[state],
        state=state,
        created_at=time_of(order.create_time, "create_time"),
        total=price.order_price,
        currency=CURRENCY,
        lines=lines,
        buyer=clean(order.openid, 100),
        contact=_contact(message, detail.delivery_info),
        message=message,
        paid_at=paid_at,
        deadline=time_of(min(due), "order_detail.product_infos.delivery_deadline") if due else None,
        forbid=forbid,
        payments=tuple(payments),
        refunds=refunds,
        raw=raw,
    )


def _state(order: Order, paid: bool, refunds: Sequence[Refund]) -> tuple[PlatformState, str]:
    status = order.status
    if status in _FORBID:
        return PlatformState.FORBIDDEN, _FORBID[status]
    state = _STATES.get(status)
    if state is None:
        raise Drift("status", f"unknown value {status}")
    if state is PlatformState.UNPAID and paid:
        raise Drift("order_detail.pay_info.pay_time", "set on an unpaid order")
    if status in (20, 30, 100, _ALL_BACK) and not paid:
        raise Drift("order_detail.pay_info.pay_time", "missing on a paid order")
    if state is PlatformState.CANCELLED and paid:
        return PlatformState.REFUNDED, ""
    if status != _TO_SHIP:
        return state, ""
    if order.order_detail.delivery_info.deliver_method != VIRTUAL:
        if order.order_detail.delivery_info.deliver_method:
            raise Drift("order_detail.delivery_info.deliver_method", "unknown value")
        return PlatformState.FORBIDDEN, "goods that need a parcel"
    if order.after_sales and order.aftersale_detail is not None:
        open_ = sum(refund.state is RefundState.OPEN for refund in refunds)
        if order.aftersale_detail.on_aftersale_order_cnt > open_:
            return PlatformState.FORBIDDEN, "an after-sale is open"
    elif _on_after_sale(order):
        return PlatformState.FORBIDDEN, "an after-sale is open"
    return state, ""


def _on_after_sale(order: Order) -> bool:
    counted = order.aftersale_detail.on_aftersale_order_cnt if order.aftersale_detail else 0
    return counted > 0 or any(product.on_aftersale_sku_cnt > 0 for product in order.order_detail.product_infos)


def _line(product: Product) -> Line:
    field = "order_detail.product_infos"
    if product.sale_price < 0 or not product.product_id or not product.sku_id:
        raise Drift(field, "negative price, or no id")
    check_price(product.real_price, product.sale_price, product.sku_cnt, f"{field}.real_price")
    return Line(
        line=clean(f"{product.product_id}-{product.sku_id}", 100),
        sku=clean(product.sku_code or product.out_sku_id or product.sku_id, 100),
        title=clean(product.title, 200),
        qty=product.sku_cnt,
        amount=product.real_price,
    )


def _contact(message: str, delivery: _Delivery) -> str:
    found = [email_in(message)]
    with contextlib.suppress(ValueError):  # there is none, or it is masked
        found.append(normal((delivery.address_info or _Address()).virtual_order_tel_number or ""))
    return " ".join(filter(None, found))


def _money(shop: str, txn: str, ext_id: str, kind: PaymentKind, amount: int, at: int) -> Payment:
    return Payment(account=shop, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=CURRENCY, at=at)
