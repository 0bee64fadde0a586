"""Douyin after-sales in our words: requests, and the money that went back (facts: Douyin refund list)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, check_price, drift_of
from connectors.shops.douyin.mapping import fen, moment, payment, plain_id
from core.model.order import Payment, PaymentKind, Quarantined, Refund, RefundState
from core.model.text import clean

# After-sale as its own list shows it. Refused ones (27, 29) stay open: the buyer may still go on.
_DONE: Final = 12
_GONE: Final = frozenset({14, 28})
_OPEN: Final = frozenset({3, 6, 7, 8, 11, 13, 27, 29})
_MONEY_BACK: Final = frozenset({3, 5})
_PRICE_KEPT: Final = 6  # the price fell after the sale: what goes back may be a hundredth of it
_FOR_MONEY: Final = frozenset({0, 1, 2, 6})  # kinds of request; exchange, resending and repair move none


class _AfterSaleRow(Struct):
    aftersale_id: str
    aftersale_type: int
    aftersale_status: int
    refund_amount: int
    refund_status: int
    update_time: int
    refund_post_amount: int = 0
    status_deadline: int = 0


class _Related(Struct):
    pay_amount: int


class _AfterSaleOrder(Struct):
    shop_order_id: str
    related_order_info: list[_Related]


class _Texts(Struct):
    reason_text: str | None = None


class _Refund(Struct):
    aftersale_info: _AfterSaleRow
    order_info: _AfterSaleOrder
    text_part: _Texts | None = None


class _NumberOf(Struct, frozen=True):
    shop_order_id: str = ""


class _RefundNumber(Struct):
    order_info: _NumberOf = _NumberOf()


_REFUND = msgspec.json.Decoder(_Refund)
_REFUND_NUMBER = msgspec.json.Decoder(_RefundNumber)


def refund_of(raw: bytes | msgspec.Raw, shop: str) -> list[Refund | Payment | Quarantined]:
    """A row of the after-sale list; with status 12 and the refund paid out, the money that went back."""
    data = bytes(raw)
    try:
        row = _REFUND.decode(raw)
    except UNREADABLE as exc:
        return [drift_of(exc).quarantined(_refund_number_of(raw), data)]
    try:
        return _refund(row, shop)
    except Drift as drift:
        found = drift.quarantined(clean(row.order_info.shop_order_id, 64), data)
        return [msgspec.structs.replace(found, field=f"refund.{drift.field}")]


def _refund(row: _Refund, shop: str) -> list[Refund | Payment | Quarantined]:
    info = row.aftersale_info
    ext_id = plain_id(row.order_info.shop_order_id, "order_info.shop_order_id")
    number = plain_id(info.aftersale_id, "aftersale_info.aftersale_id")
    if info.aftersale_status != _DONE and info.aftersale_status not in _GONE | _OPEN:
        raise Drift("aftersale_info.aftersale_status", f"unknown value {info.aftersale_status}")
    if info.refund_status not in range(6):
        raise Drift("aftersale_info.refund_status", f"unknown value {info.refund_status}")
    if info.aftersale_type not in (0, 1, 2, 3, 6, 7, 8):
        raise Drift("aftersale_info.aftersale_type", f"unknown value {info.aftersale_type}")
    amount = fen(info.refund_amount, "aftersale_info.refund_amount")
    if info.refund_post_amount:
        # Not documented whether refund_amount holds it already, and a virtual good has no postage.
        raise Drift("aftersale_info.refund_post_amount", "postage goes back")
    paid = sum(
        fen(item.pay_amount, "order_info.related_order_info.pay_amount") for item in row.order_info.related_order_info
    )
    if paid and amount == 0 and info.aftersale_type in _FOR_MONEY:
        raise Drift("aftersale_info.refund_amount", "zero for a refund of money")
    if paid and (amount > paid or info.aftersale_type != _PRICE_KEPT):
        check_price(amount, paid, 1, "aftersale_info.refund_amount")
    at = moment(info.update_time, "aftersale_info.update_time")
    state = RefundState.GONE if info.aftersale_status in _GONE else RefundState.OPEN
    if info.aftersale_status == _DONE:
        # An exchange ends without money; everything else is done only when the money has gone.
        moved = info.refund_status in _MONEY_BACK
        state = (
            RefundState.DONE
            if moved
            else RefundState.GONE
            if info.aftersale_type not in _FOR_MONEY
            else RefundState.OPEN
        )
    refund = Refund(
        refund_id=number,
        ext_id=ext_id,
        state=state,
        amount=amount,
        reason=clean((row.text_part.reason_text if row.text_part else None) or "", 200),
        at=at,
        deadline=moment(info.status_deadline, "aftersale_info.status_deadline") if info.status_deadline else None,
    )
    if state is not RefundState.DONE or amount == 0:
        return [refund]
    return [refund, payment(f"dy-refund:{number}", ext_id, shop, PaymentKind.REFUND, amount, at)]


def _refund_number_of(raw: bytes | msgspec.Raw) -> str:
    try:
        return clean(_REFUND_NUMBER.decode(raw).order_info.shop_order_id, 64)
    except UNREADABLE:
        return ""
