"""WeChat shop's objects, built from an order when they are asked for: fen and seconds."""

from typing import Any
from zlib import crc32

from connectors.practice.world import SECOND, Flag, Order, Refund, RefundStatus, State

_STATUS = {
    State.UNPAID: 10,
    State.PAID: 20,
    State.SHIPPED: 30,
    State.FINISHED: 100,
    State.REFUNDED: 200,
    State.CLOSED: 250,
}
_REFUND = {
    RefundStatus.OPEN: "MERCHANT_PROCESSING",
    RefundStatus.DONE: "MERCHANT_REFUND_SUCCESS",
    RefundStatus.GONE: "USER_CANCELD",
}


def status_of(order: Order) -> int:
    """10 to pay, 13 group not complete, 20 to ship, 30 shipped, 100 done, 200 all refunded, 250 cancelled."""
    return 13 if order.state is State.PAID and order.flag is Flag.FORMING else _STATUS[order.state]


def goods_of(order: Order) -> tuple[str, str]:
    """product_id and sku_id."""
    mark = crc32(order.product.code.encode())
    return str(10_000_000_000_000 + mark), str(20_000_000_000_000 + mark)


def order_row(order: Order) -> dict[str, Any]:
    """``order`` of order/get."""
    product, sku = goods_of(order)
    off = 150 * order.qty if order.n % 3 == 0 else 0  # a coupon of the merchant
    asked = order.refund is not None and order.refund.status is RefundStatus.OPEN
    list_price = (order.due + off) // order.qty
    pay: dict[str, Any] = {"prepay_id": f"wx{order.n:030d}", "prepay_time": _s(order.created), "payment_method": 1}
    if order.paid_at:
        pay |= {"pay_time": _s(order.paid_at), "transaction_id": f"4200{order.n:024d}"}
    return {
        "order_id": order.ext_id, "status": status_of(order), "openid": order.buyer, "unionid": "",
        "create_time": _s(order.created), "update_time": _s(order.modified),
        "order_detail": {
            "product_infos": [{
                "product_id": product, "sku_id": sku, "thumb_img": "", "sku_cnt": order.qty, "sale_price": list_price,
                "title": order.product.title, "on_aftersale_sku_cnt": order.qty if asked else 0,
                "finish_aftersale_sku_cnt": order.qty if order.refunded else 0,
                "sku_code": order.product.sku("WX-") if order.n % 5 else "", "market_price": list_price, "sku_attrs": [],
                "real_price": order.due, "out_product_id": "", "out_sku_id": order.product.sku("WX-"),
                "is_discounted": off > 0, "estimate_price": order.due, "is_change_price": False, "change_price": 0,
                "delivery_deadline": _s((order.paid_at or order.created) + 2 * 86_400 * SECOND),
            }],
            "price_info": {
                "product_price": list_price * order.qty, "order_price": order.due, "freight": 0, "discounted_price": off,
                "is_discounted": off > 0,
            },
            "pay_info": pay,
            "delivery_info": {
                "deliver_method": 1, "ship_done_time": _s(order.shipped_at), "delivery_product_info": [],
                "address_info": {"virtual_order_tel_number": "138****0000"},
            },
            "ext_info": {"customer_notes": order.message, "merchant_notes": order.note},
        },
        "aftersale_detail": {
            "on_aftersale_order_cnt": 1 if asked else 0,
            "aftersale_order_list": [{"aftersale_order_id": str(order.refund.n)}] if order.refund else [],
        },
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """``after_sale_order`` of getaftersaleorder."""
    order = refund.order
    product, sku = goods_of(order)
    return {
        "after_sale_order_id": str(refund.n), "status": _REFUND[refund.status], "order_id": order.ext_id,
        "openid": order.buyer, "unionid": "", "type": "REFUND", "reason": "1", "reason_text": refund.reason,
        "product_info": {"product_id": product, "sku_id": sku, "count": order.qty},
        "refund_info": {"amount": refund.amount}, "create_time": _s(refund.created), "update_time": _s(refund.modified),
    }  # fmt: skip


def _s(us: int) -> int:
    return us // SECOND
