"""Youzan's rows, built from an order when they are asked for. Every second order is of virtual goods."""

import json
from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.taobao_rows import time_text
from connectors.practice.world import Flag, Order, Refund, RefundStatus, State

_STATUS = {
    State.UNPAID: "WAIT_BUYER_PAY",
    State.PAID: "WAIT_SELLER_SEND_GOODS",
    State.SHIPPED: "WAIT_BUYER_CONFIRM_GOODS",
    State.FINISHED: "TRADE_SUCCESS",
    State.CLOSED: "TRADE_CLOSED",
    State.REFUNDED: "TRADE_CLOSED",
}
_CLAIM = {RefundStatus.OPEN: 1, RefundStatus.DONE: 60, RefundStatus.GONE: 50}
_REFUND = {RefundStatus.OPEN: "WAIT_SELLER_AGREE", RefundStatus.DONE: "SUCCESS", RefundStatus.GONE: "CLOSED"}


def is_virtual(order: Order) -> bool:
    """Whether the platform ships it by itself as soon as it is paid."""
    return order.n % 2 == 0


def status_of(order: Order) -> str:
    """The platform's word for where the order stands."""
    if order.state is State.PAID and order.flag is Flag.FORMING:
        return "WAIT_CONFIRM"
    if order.state is State.PAID and is_virtual(order):
        return "WAIT_BUYER_CONFIRM_GOODS"
    return _STATUS[order.state]


def list_row(order: Order) -> dict[str, Any]:
    """A row of the list: the order without its claims."""
    return {"full_order_info": _full(order)}


def detail_row(order: Order) -> dict[str, Any]:
    """The order by itself."""
    claims = []
    if order.refund is not None:
        claims = [{
            "refund_id": str(order.refund.n), "refund_type": 1, "refund_state": _CLAIM[order.refund.status],
            "refund_fee": yuan(order.refund.amount), "oids": [f"27{order.n:017d}"],
        }]  # fmt: skip
    return {"full_order_info": _full(order), "refund_order": claims, "delivery_order": [], "order_promotion": {}}


def refund_row(refund: Refund) -> dict[str, Any]:
    """A row of the refund list."""
    return {
        "refund_id": str(refund.n), "tid": refund.order.ext_id, "kdt_id": 56232, "status": _REFUND[refund.status],
        "return_goods": False, "reason": 12, "refund_fee": yuan(refund.amount), "type": 1, "demand": 1,
        "created": time_text(refund.created), "modified": time_text(refund.modified), "version": refund.modified // 1000,
    }  # fmt: skip


def _full(order: Order) -> dict[str, Any]:
    off = 100 if order.n % 3 == 0 else 0  # some goods are on offer, one yuan off
    price = order.due // order.qty
    virtual = is_virtual(order)
    # An address is asked for by the goods themselves where they are virtual, and left in the remark elsewhere.
    field = json.dumps({"充值邮箱": order.message}, ensure_ascii=False) if virtual and order.message else ""
    mark = crc32(order.product.code.encode())
    info = {
        "tid": order.ext_id, "status": status_of(order), "status_str": "", "type": 0, "created": time_text(order.created),
        "update_time": time_text(order.modified), "pay_time": _text(order.paid_at), "consign_time": _text(order.shipped_at),
        "success_time": _text(order.ended) if order.state is State.FINISHED else "", "expired_time": "",
        "refund_state": 12 if order.state is State.REFUNDED else 0, "express_type": 9, "close_type": 0, "pay_type": 10,
        "order_tags": {"is_virtual": True, "is_payed": True} if virtual else {"is_payed": True}, "order_extra": {},
    }  # fmt: skip
    item = {
        "oid": f"27{order.n:017d}", "item_id": mark, "sku_id": mark % 99_991, "title": order.product.title,
        "num": order.qty, "price": yuan(price + off), "discount_price": yuan(price),
        "total_fee": yuan(price * order.qty), "payment": yuan(order.due), "points_price": "0",
        "outer_item_id": order.product.code, "outer_sku_id": order.product.sku("YZ-"), "sku_properties_name": "[]",
        "item_type": 182 if virtual else 0, "is_present": False, "buyer_messages": field, "item_message": field,
    }  # fmt: skip
    return {
        "order_info": info,
        "pay_info": {
            "total_fee": yuan(price * order.qty), "post_fee": "0.00", "payment": yuan(order.due),
            "real_payment": yuan(order.due), "deduction_pay": 0, "transaction": [], "outer_transactions": [],
        },
        "buyer_info": {"yz_open_id": order.buyer, "buyer_phone": ""},
        "address_info": {"receiver_name": "", "receiver_tel": ""},
        "remark_info": {"buyer_message": "" if virtual else order.message, "trade_memo": order.note},
        "orders": [item],
    }  # fmt: skip


def _text(us: int) -> str:
    return time_text(us) if us else ""
