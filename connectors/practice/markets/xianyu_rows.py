"""Xianguanjia's rows, built from an order when they are asked for: fen and seconds."""

from typing import Any
from zlib import crc32

from connectors.practice.world import SECOND, Flag, Order, RefundStatus, State

_STATUS = {
    State.UNPAID: 11,
    State.PAID: 12,
    State.SHIPPED: 21,
    State.FINISHED: 22,
    State.REFUNDED: 23,
    State.CLOSED: 24,
}
_REFUND = {RefundStatus.OPEN: 1, RefundStatus.DONE: 5, RefundStatus.GONE: 4}


def list_row(order: Order) -> dict[str, Any]:
    """What the list's examples show: some fields of the detail are not there."""
    row = detail_row(order)
    for name in ("order_type", "refund_amount", "idle_biz_type", "pin_group_status", "xyb_seller_amount"):
        del row[name]
    return row


def detail_row(order: Order) -> dict[str, Any]:
    """The whole order."""
    refund, amount, back_at = 0, 0, 0
    if order.refund is not None:
        refund, amount = _REFUND[order.refund.status], order.refund.amount
    if order.refunded:
        refund, amount, back_at = 5, order.refunded, _s(order.ended)
    # Some sellers lower the price of an order by hand; the old sum stays to be seen.
    lowered = 300 if order.n % 4 == 0 else 0
    group = order.flag in (Flag.FORMING, Flag.FAILED) or order.n % 7 == 0
    pin = 0
    if group:
        pin = {Flag.FORMING: 1, Flag.FAILED: 3}.get(order.flag, 2)
    mark = crc32(order.product.code.encode())
    paid = order.paid_at > 0
    list_price = order.due // order.qty + lowered
    return {
        "order_no": order.ext_id, "order_status": _STATUS[order.state], "order_type": 7,
        "order_time": _s(order.created), "total_amount": list_price * order.qty,
        "pay_amount": order.due if paid else 0, "pay_no": f"2026{order.n:024d}" if paid else "",
        "pay_time": _s(order.paid_at), "refund_status": refund, "refund_amount": amount, "refund_time": back_at,
        "receiver_mobile": "", "receiver_name": "", "prov_name": "", "city_name": "", "area_name": "", "town_name": "",
        "address": "", "waybill_no": "", "express_code": "", "express_name": "", "express_fee": 0, "consign_type": 2,
        "consign_time": _s(order.shipped_at), "confirm_time": _s(order.ended) if order.state is State.FINISHED else 0,
        "cancel_reason": "", "cancel_time": _s(order.ended) if order.state is State.CLOSED else 0,
        "create_time": _s(order.created), "update_time": _s(order.modified), "buyer_eid": order.buyer,
        "buyer_nick": order.nick, "seller_eid": "cHJhY3RpY2U=", "seller_name": "tb000000001", "seller_remark": order.note,
        "idle_biz_type": 20 if group else 0, "pin_group_status": pin, "xyb_seller_amount": 0,
        "goods": {
            "quantity": order.qty, "price": list_price, "product_id": 421_000_000_000_000 + mark,
            "item_id": item_of(order), "outer_id": order.product.sku("XY-"), "sku_id": 0, "sku_outer_id": "",
            "sku_text": "", "title": order.product.title, "images": [], "service_support": "VNR",
        },
    }  # fmt: skip


def item_of(order: Order) -> int:
    """The listing's number at Xianyu."""
    return 700_000_000_000 + crc32(order.product.code.encode()) % 10**9


def _s(us: int) -> int:
    return us // SECOND
