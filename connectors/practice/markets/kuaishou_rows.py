"""Kuaishou's order and after-sale rows, built from an order when they are asked for. Amounts in fen, times Unix ms."""

from typing import Any
from zlib import crc32

from connectors.practice.world import Flag, Order, Refund, RefundStatus, State

_DAY = 86_400_000
_STATUS = {
    State.UNPAID: 10,
    State.PAID: 30,
    State.SHIPPED: 40,
    State.FINISHED: 70,
    State.CLOSED: 80,
    State.REFUNDED: 80,
}
_REFUND = {RefundStatus.OPEN: 10, RefundStatus.DONE: 60, RefundStatus.GONE: 70}
_VIEW = {2: {10}, 3: {30}, 4: {40}, 5: {50}, 6: {70}, 7: {80}}  # orderViewStatus -> statuses; 1 is all


def _ms(us: int) -> int:
    return us // 1000


def in_view(order: Order, view: int) -> bool:
    """Whether a list of that view shows the order."""
    return view == 1 or _STATUS[order.state] in _VIEW[view]


def sku_id(order: Order) -> int:
    """The platform's own number of the SKU."""
    return 80_000_000_000 + crc32(order.product.code.encode())


def order_row(order: Order) -> dict[str, Any]:
    """The order as list and detail show it."""
    price, refund, paid = order.due // order.qty, order.refund, _ms(order.paid_at)
    waiting = order.state is State.PAID
    risk = waiting and order.flag in (Flag.RISK, Flag.FAILED)
    return {
        "orderBaseInfo": {
            "oid": int(order.ext_id), "status": _STATUS[order.state], "payTime": paid,
            "createTime": _ms(order.created), "updateTime": _ms(order.modified), "sendTime": _ms(order.shipped_at),
            "recvTime": 0, "refundTime": 0, "buyerOpenId": order.buyer, "buyerNick": order.nick,
            "sellerOpenId": "s1", "sellerNick": "卡台演练店", "remark": order.message, "totalFee": order.due,
            "discountFee": 0, "expressFee": 0, "coType": 3, "payType": 1, "payChannel": "WECHAT", "cpsType": 1,
            "riskCode": 10001 if risk else 0, "preSale": 0, "activityType": 0, "allActivityType": [],
            "disableDeliveryReasonCode": [1] if waiting and order.flag is Flag.FORBID else [], "commentStatus": 0,
            "promiseTimeStampOfDelivery": (paid or _ms(order.created)) + _DAY, "orderLabels": [],
            "payChannelDiscount": 0, "expressCode": "", "multiplePiecesNo": 0,
        },
        "orderItemInfo": {
            "orderItemId": int(order.ext_id) + 1, "itemId": 70_000_000_000 + crc32(order.product.code.encode()),
            "relItemId": 0, "skuId": sku_id(order), "relSkuId": 0, "skuNick": order.product.sku("KS-"),
            "goodsCode": order.product.code, "itemTitle": order.product.title, "skuDesc": "标准", "num": order.qty,
            "price": price, "originalPrice": price, "discountFee": 0, "itemType": 2, "itemPicUrl": "", "itemLinkUrl": "",
        },
        "orderRefundList": [
            {"refundId": refund.n, "refundStatus": _REFUND[refund.status], "refundReason": refund.reason}
        ] if refund else [],
        "orderAddress": {
            "provinceCode": 0, "province": "", "cityCode": 0, "city": "", "districtCode": 0, "district": "",
            "encryptedMobile": "", "encryptedConsignee": "", "encryptedAddress": "",
            "rechargeAccount": {"account": "", "accountType": 0, "accountTypeDesc": ""},
        },
        "orderNote": {"sellerNote": order.note.split("\n") if order.note else []},
        "orderLogisticsInfo": [], "subOrderInfo": [],
        "orderDeliveryInfo": {"deliveryStatus": 1 if order.shipped_at else 0, "deliveryNum": order.qty, "packageNum": 1},
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """The request as the after-sale list shows it."""
    order = refund.order
    return {
        "refundId": refund.n, "oid": int(order.ext_id), "sellerId": 1, "status": _REFUND[refund.status],
        "refundFee": refund.amount, "handlingWay": 10, "refundType": 1, "refundReason": 1,
        "refundReasonDesc": refund.reason, "refundDesc": refund.reason, "negotiateStatus": 1,
        "negotiateUpdateTime": _ms(refund.modified), "receiptStatus": 1, "submitTime": _ms(refund.created),
        "createTime": _ms(refund.created), "updateTime": _ms(refund.modified), "expireTime": 0, "endTime": 0,
        "skuId": sku_id(order), "skuNick": order.product.sku("KS-"), "relSkuId": 0, "relItemId": 0, "logisticsId": 0,
        "itemId": 70_000_000_000 + crc32(order.product.code.encode()), "urgeTimes": 0,
    }  # fmt: skip
