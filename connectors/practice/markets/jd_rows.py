"""JD's rows, built from an order when they are asked for: yuan in orders, fen in requests for money back, Beijing text."""

from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.taobao_rows import time_text
from connectors.practice.world import Flag, Order, Refund, RefundStatus, State

_NEVER = "0001-01-01 00:00:00"
_STATE = {
    State.UNPAID: "NOT_PAY",
    State.PAID: "WAIT_SELLER_STOCK_OUT",
    State.SHIPPED: "WAIT_GOODS_RECEIVE_CONFIRM",
    State.FINISHED: "FINISHED_L",
    State.CLOSED: "TRADE_CANCELED",
    State.REFUNDED: "TRADE_CANCELED",
}
_HELD = {Flag.FORBID: "LOCKED", Flag.RISK: "PAUSE", Flag.FORMING: "POP_ORDER_PAUSE", Flag.FAILED: "LOCKED"}
_REFUND = {RefundStatus.OPEN: 0, RefundStatus.DONE: 3}


def state_of(order: Order) -> str:
    """JD's word. A paid order whose buyer asks for his money is locked until somebody has decided."""
    if order.state is State.PAID:
        if order.refund is not None and order.refund.status is RefundStatus.OPEN:
            return "LOCKED"
        return _HELD.get(order.flag, _STATE[order.state])
    return _STATE[order.state]


def order_row(order: Order) -> dict[str, Any]:
    """Every field of an order that this world fills; numbers stand in quotes, as most do there."""
    # Some sellers lower prices themselves; some buyers hold a coupon of JD's, which is not the seller's loss.
    lowered = 300 if order.n % 4 == 0 else 0
    price = order.due // order.qty + lowered
    coupon = order.due // 10 if order.n % 3 == 0 else 0
    mark = crc32(order.product.code.encode())
    return {
        "orderId": order.ext_id, "venderId": "10000001", "orderType": "22", "payType": "4-在线支付",
        "orderState": state_of(order), "orderStateRemark": "", "orderTotalPrice": yuan(price * order.qty),
        "orderSellerPrice": yuan(order.due), "orderPayment": yuan(order.due - coupon), "freightPrice": "0.00",
        "sellerDiscount": yuan(lowered * order.qty), "orderRemark": order.message, "venderRemark": order.note,
        "orderStartTime": time_text(order.created), "modified": time_text(order.modified),
        "paymentConfirmTime": time_text(order.paid_at) if order.paid_at else _NEVER,
        "orderEndTime": time_text(order.ended) if order.ended else _NEVER, "pin": order.nick,
        "open_id_buyer": order.buyer, "xid_buyer": f"o*{order.buyer}", "parentOrderId": "0",
        "itemInfoList": [
            {
                "skuId": str(100_000_000_000 + mark), "outerSkuId": order.product.sku("JD-"), "wareId": str(mark),
                "skuName": order.product.title, "jdPrice": yuan(price), "itemTotal": str(order.qty), "giftPoint": "0",
            }
        ],
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """A request to cancel a paid order."""
    ended = refund.status is not RefundStatus.OPEN
    return {
        "id": refund.n, "orderId": int(refund.order.ext_id), "buyerId": refund.order.buyer,
        "buyerName": refund.order.nick, "applyRefundSum": refund.amount,
        # Some are refused by the seller, some withdrawn by the buyer.
        "status": _REFUND.get(refund.status, 2 if refund.n % 2 else 11), "reason": refund.reason, "systemId": 1,
        "applyTime": time_text(refund.created), "checkTime": time_text(refund.modified) if ended else None,
        "checkUserName": "", "checkRemark": "",
    }  # fmt: skip
