"""Pinduoduo's order and refund rows. No answer names the buyer: the platform gives no id, and neither does this world."""

from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.taobao_rows import time_text
from connectors.practice.world import SECOND, Flag, Order, Refund, RefundStatus, State

_AFTER_SALES = {RefundStatus.OPEN: 2, RefundStatus.DONE: 10, RefundStatus.GONE: 11}
_SHIP = {State.SHIPPED: 2, State.FINISHED: 3}


def ship_status(order: Order) -> int:
    """1 to ship, 2 shipped, 3 signed; a refunded order keeps the one it had."""
    if order.state in _SHIP:
        return _SHIP[order.state]
    return 2 if order.shipped_at else 1


def refund_status(order: Order) -> int:
    """1 none or closed, 2 in after-sale, 4 refunded."""
    if order.state is State.REFUNDED:
        return 4
    return 2 if order.refund is not None and order.refund.status is RefundStatus.OPEN else 1


def after_sales_status(refund: Refund) -> int:
    """2 waits for the merchant, 10 refunded, 11 withdrawn by the buyer."""
    return _AFTER_SALES[refund.status]


def order_row(order: Order) -> dict[str, Any]:
    """The order as lists and detail show it. Amounts are JSON numbers in yuan, times GMT+8 text."""
    group = {Flag.FORMING: 0, Flag.FAILED: 2}.get(order.flag, 1)
    confirm = {Flag.FORMING: 0, Flag.FAILED: 2}.get(order.flag, 1)
    due, price = _number(order.due), _number(order.due // order.qty)
    refund = order.refund
    return {
        "order_sn": order.ext_id, "order_status": ship_status(order), "refund_status": refund_status(order),
        "after_sales_status": after_sales_status(refund) if refund else 0, "confirm_status": confirm,
        "group_status": group, "risk_control_status": 1 if order.flag is Flag.RISK else 0, "is_lucky_flag": 1,
        "trade_type": 0, "created_time": time_text(order.created), "pay_time": _text(order.paid_at),
        "confirm_time": _text(order.paid_at) if confirm == 1 else "", "updated_at": time_text(order.modified),
        "last_ship_time": time_text((order.paid_at or order.created) + 86_400 * SECOND),
        "shipping_time": _text(order.shipped_at), "receive_time": _text(order.ended) if order.state is State.FINISHED else "",
        "pay_amount": due, "goods_amount": due, "discount_amount": 0.0, "postage": 0.0, "platform_discount": 0.0,
        "seller_discount": 0.0, "capital_free_discount": 0.0, "pay_no": f"PD{order.n:020d}", "pay_type": "WEIXIN",
        "buyer_memo": order.message, "remark": order.note, "receiver_name": "", "receiver_phone": "",
        "receiver_address": "", "address": "", "card_info_list": [], "order_tag_list": [],
        "item_list": [{
            "goods_id": 410_000_000_000 + crc32(order.product.code.encode()), "goods_name": order.product.title,
            "sku_id": 910_000_000_000 + crc32(order.product.code.encode()), "goods_count": order.qty,
            "goods_price": price, "goods_spec": "标准", "goods_img": "", "outer_goods_id": order.product.code,
            "outer_id": order.product.sku("PD-"),
        }],
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """The refund as the list shows it. Amounts are text in yuan here."""
    order = refund.order
    return {
        "id": refund.n, "order_sn": order.ext_id, "order_amount": yuan(order.due), "refund_amount": yuan(refund.amount),
        "after_sales_type": 2, "after_sales_status": after_sales_status(refund), "after_sale_reason": refund.reason,
        "confirm_time": _text(order.paid_at), "created_time": time_text(refund.created),
        "updated_time": time_text(refund.modified), "discount_amount": "0.00", "dispute_refund_status": 0,
        "goods_id": 410_000_000_000 + crc32(order.product.code.encode()), "goods_name": order.product.title,
        "goods_number": str(order.qty), "goods_price": yuan(order.due // order.qty), "good_image": "",
        "outer_goods_id": order.product.code, "outer_id": order.product.sku("PD-"),
        "sku_id": str(910_000_000_000 + crc32(order.product.code.encode())), "shipping_name": "", "tracking_number": "",
        "speed_refund_flag": 0, "speed_refund_status": "0", "user_shipping_status": "0",
    }  # fmt: skip


def _number(fen: int) -> float:
    return fen / 100


def _text(us: int) -> str:
    return time_text(us) if us else ""
