"""WeChat shop's after-sales in our words. Amounts are fen, times Unix seconds (facts: A3)."""

from typing import Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE, Drift, drift_of
from core.model.clock import SECOND
from core.model.order import Refund, RefundState
from core.model.text import clean

_REFUNDS: Final = {
    "MERCHANT_PROCESSING": RefundState.OPEN,
    "MERCHANT_REJECT_REFUND": RefundState.OPEN,  # the buyer may insist
    "MERCHANT_REJECT_RETURN": RefundState.OPEN,
    "USER_WAIT_RETURN": RefundState.OPEN,
    "MERCHANT_WAIT_RECEIPT": RefundState.OPEN,
    "MERCHANT_OVERDUE_REFUND": RefundState.OPEN,
    "PLATFORM_REFUNDING": RefundState.OPEN,
    "PLATFORM_REFUND_FAIL": RefundState.OPEN,
    "USER_WAIT_CONFIRM": RefundState.OPEN,
    "USER_CANCELD": RefundState.GONE,
    "RETURN_CLOSED": RefundState.GONE,
    "MERCHANT_REFUND_RETRY_FAIL": RefundState.GONE,
    "MERCHANT_FAIL": RefundState.GONE,
    "MERCHANT_REFUND_SUCCESS": RefundState.DONE,
    "MERCHANT_RETURN_SUCCESS": RefundState.DONE,
}


class _RefundInfo(Struct):
    amount: int


class _AfterSale(Struct):
    after_sale_order_id: str | int
    order_id: str | int
    status: str
    create_time: int
    update_time: int
    refund_info: _RefundInfo
    reason_text: str | None = None


_AFTER_SALE = msgspec.json.Decoder(_AfterSale)


def refund_of(raw: bytes | msgspec.Raw, ext_id: str) -> Refund:
    """The request as it stands now. Raises Drift, also when it belongs to another order."""
    try:
        one = _AFTER_SALE.decode(raw)
    except UNREADABLE as exc:
        drift = drift_of(exc)
        raise Drift(f"after_sales.{drift.field}", drift.why) from None
    if str(one.order_id) != ext_id:
        raise Drift("after_sales.order_id", "after-sale of another order")
    state = _REFUNDS.get(one.status)
    if state is None:
        raise Drift("after_sales.status", "unknown value")
    if one.refund_info.amount < 0 or (state is not RefundState.GONE and not one.refund_info.amount):
        raise Drift("after_sales.refund_info.amount", "no amount")
    return Refund(
        refund_id=clean(str(one.after_sale_order_id), 64),
        ext_id=ext_id,
        state=state,
        amount=one.refund_info.amount,
        reason=clean(one.reason_text or "", 200),
        at=time_of(one.update_time, "after_sales.update_time"),
    )


def time_of(seconds: int, field: str) -> int:
    """UTC microseconds. Raises Drift outside the years 2001 to 2286."""
    if not 10**9 <= seconds < 10**10:
        raise Drift(field, "not a time in seconds")
    return seconds * SECOND
