"""Douyin's order and after-sale rows, built from an order when they are asked for. Amounts in fen, times Unix seconds."""

from typing import Any
from zlib import crc32

from connectors.practice.world import SECOND, Flag, Order, Refund, RefundStatus, State

_DAY = 86_400
_STATUS = {State.UNPAID: 1, State.PAID: 2, State.SHIPPED: 3, State.FINISHED: 5, State.CLOSED: 4, State.REFUNDED: 4}
_AFTER_SALE = {RefundStatus.OPEN: 6, RefundStatus.DONE: 12, RefundStatus.GONE: 28}
# A withdrawn request keeps the refund at "waiting": the platform's own description says so.
_REFUND = {RefundStatus.OPEN: 1, RefundStatus.DONE: 3, RefundStatus.GONE: 1}


def sub_order(order: Order) -> str:
    """The number of the order's one line; it differs from the order's own."""
    return str(int(order.ext_id) + 1)


def order_of_sub(sub: str) -> str:
    """The order's number from its line's, "" when it cannot be one."""
    return str(int(sub) - 1) if sub.isascii() and sub.isdigit() and len(sub) < 20 else ""


def status_of(order: Order) -> int:
    """Paid but under review is 105; a paid order ready to be shipped 2."""
    if order.state is State.PAID and order.flag is not Flag.NONE:
        return 105
    return _STATUS[order.state]


def sku_id(order: Order) -> int:
    """The platform's own number of the SKU."""
    return 1_700_000_000_000_000 + crc32(order.product.code.encode())


def _second(us: int) -> int:
    return us // SECOND


def order_row(order: Order) -> dict[str, Any]:
    """The order as the list and the detail show it. Zero stands for a time that has not come."""
    status, paid = status_of(order), _second(order.paid_at)
    exp_ship = (paid or _second(order.created)) + 2 * _DAY
    base = {
        "order_status": status, "main_status": status, "order_type": 2, "order_type_desc": "虚拟商品订单", "biz": 11,
        "biz_desc": "虚拟卡券", "pay_type": 2, "pay_time": paid, "create_time": _second(order.created),
        "update_time": _second(order.modified), "order_expire_time": 1800, "exp_ship_time": exp_ship,
        "finish_time": _second(order.ended) if order.state is State.FINISHED else 0,
        "ship_time": _second(order.shipped_at), "order_amount": order.due, "pay_amount": order.due, "post_amount": 0,
        "promotion_amount": 0, "promotion_pay_amount": 0, "modify_amount": 0, "tax_amount": 0,
        "cancel_reason": "用户取消" if order.state is State.CLOSED else "",
        "channel_payment_no": f"2026112422001{order.n:015d}" if paid else "",
    }  # fmt: skip
    return {
        **base, "shop_id": 4_463_798, "shop_name": "卡台演练店", "order_id": order.ext_id, "order_level": 2,
        "open_id": "", "doudian_open_id": order.buyer, "buyer_words": order.message, "seller_words": order.note,
        "seller_remark_stars": 0, "logistics_info": [], "mask_post_receiver": order.nick, "mask_post_tel": "1********00",
        "encrypt_post_receiver": "", "encrypt_post_tel": "", "promise_info": "", "shop_order_tag_ui": [],
        "sku_order_list": [{**base, **_line(order)}],
    }  # fmt: skip


def _line(order: Order) -> dict[str, Any]:
    price, refund = order.due // order.qty, order.refund
    after = {"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0}
    if refund is not None:
        kind = 1 if order.shipped_at else 2
        after = {
            "after_sale_status": _AFTER_SALE[refund.status],
            "after_sale_type": kind,
            "refund_status": _REFUND[refund.status],
        }
    return {
        "order_id": sub_order(order), "parent_order_id": order.ext_id, "order_level": 3, "trade_type": 0,
        "product_id": 3_540_000_000_000_000 + crc32(order.product.code.encode()),
        "product_id_str": str(3_540_000_000_000_000 + crc32(order.product.code.encode())),
        "product_name": order.product.title, "sku_id": sku_id(order), "out_sku_id": order.product.sku("DY-"),
        "out_product_id": order.product.code, "code": order.product.code, "goods_type": 1, "item_num": order.qty,
        "origin_amount": price, "sum_amount": price * order.qty, "spec": [{"name": "版本", "value": "标准"}],
        "after_sale_info": after, "card_voucher": {"valid_days": 365, "valid_start": 0, "valid_end": 0},
        "account_list": {"account_info": []}, "given_product_type": "", "pre_sale_type": 0,
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """The request as the after-sale list shows it."""
    order = refund.order
    created, modified = _second(refund.created), _second(refund.modified)
    return {
        "aftersale_info": {
            "aftersale_id": str(refund.n), "aftersale_order_type": 1, "aftersale_type": 1 if order.shipped_at else 2,
            "aftersale_status": _AFTER_SALE[refund.status], "related_id": sub_order(order), "apply_time": created,
            "create_time": created, "update_time": modified,
            "status_deadline": created + 2 * _DAY if refund.status is RefundStatus.OPEN else 0,
            "refund_amount": refund.amount, "refund_post_amount": 0, "refund_tax_amount": 0,
            "aftersale_num": order.qty, "part_type": 0, "aftersale_refund_type": 0, "refund_type": 0,
            "arbitrate_status": 0, "refund_status": _REFUND[refund.status], "got_pkg": 0, "remark": "",
        },
        "order_info": {
            "shop_order_id": order.ext_id, "order_flag": 0,
            "related_order_info": [{
                "sku_order_id": sub_order(order), "order_status": 3 if order.shipped_at else 2, "pay_amount": order.due,
                "post_amount": 0, "item_num": order.qty, "create_time": _second(order.created), "tax_amount": 0,
                "product_name": order.product.title, "shop_sku_code": order.product.sku("DY-"),
                "aftersale_pay_amount": refund.amount, "aftersale_item_num": order.qty, "price": order.due // order.qty,
            }],
        },
        "text_part": {"reason_text": refund.reason, "aftersale_status_text": "", "aftersale_type_text": "仅退款"},
        "seller_logs": [],
    }  # fmt: skip
