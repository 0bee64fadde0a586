"""Agiso's details of Xianyu orders, built from an order when they are asked for: fen and milliseconds."""

from typing import Any
from zlib import crc32

from connectors.practice.world import Order, Refund, RefundStatus, State

_STATUS = {State.UNPAID: 1, State.PAID: 2, State.SHIPPED: 3, State.FINISHED: 4, State.REFUNDED: 5, State.CLOSED: 6}
_REFUND = {RefundStatus.OPEN: 1, RefundStatus.GONE: 4, RefundStatus.DONE: 5}


def status_of(order: Order) -> int:
    """1 created, 2 paid, 3 shipped, 4 done, 5 refunded, 6 closed."""
    return _STATUS[order.state]


def item_of(order: Order) -> int:
    """The listing's number."""
    return 600_000_000_000 + crc32(order.product.code.encode()) % 10**9


def order_row(order: Order) -> dict[str, Any]:
    """``/Order/Detail``."""
    # Some sellers lower the price of an order by hand: the item keeps its own.
    lowered = 200 if order.n % 3 == 0 else 0
    return {
        "biz_order_id": int(order.ext_id), "buy_amount": order.qty, "buyer_nick": order.nick,
        "encryption_buyer_id": order.buyer, "create_time": _ms(order.created), "end_time": _ms(order.ended),
        "item": {
            "item_id": item_of(order), "pic_url": "", "price": order.due // order.qty + lowered,
            "title": order.product.title, "outer_id_sku": order.product.sku("AG-") if order.n % 2 else "",
            "outer_id_spu": order.product.sku("AG-"),
        },
        "order_status": status_of(order), "pay_time": _ms(order.paid_at), "payment": order.due if order.paid_at else 0,
        "post_fee": 0, "seller_nick": "practice", "ship_time": _ms(order.shipped_at), "sku": 0, "isRecharge": False,
        "recharge_amount": "", "isEticket": "false", "coupon_eticket_info": [],
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """``/Refund/Detail``."""
    order = refund.order
    return {
        "biz_order_id": int(order.ext_id), "buy_amount": order.qty, "buyer_apply_desc": refund.reason,
        "buyer_apply_reason": refund.reason, "buyer_apply_sub_reason": "", "buyer_nick": order.nick,
        "goods_status": 6 if order.shipped_at else 4, "need_return_goods": False, "order_status": status_of(order),
        "item": {"item_id": item_of(order), "pic_url": "", "price": order.product.price, "title": order.product.title},
        "payment": order.due, "refund_create_time": _ms(refund.created), "refund_fee": refund.amount,
        "refund_id": refund.n, "refund_modify_time": _ms(refund.modified), "refund_status": _REFUND[refund.status],
        "seller_agree_msg": "", "seller_nick": "practice", "seller_refuse_msg": "", "seller_refuse_reason": "",
    }  # fmt: skip


def no_refund_row(order: Order) -> dict[str, Any]:
    """``/Refund/Detail`` of an order without one: 9 is "none was asked for"."""
    return {"biz_order_id": int(order.ext_id), "payment": order.due if order.paid_at else 0, "refund_status": 9}


def _ms(us: int) -> int:
    return us // 1000
