"""Ark's rows, built from an order when they are asked for. Orders in fen and milliseconds, after-sales in yuan."""

from typing import Any
from zlib import crc32

from connectors.practice.world import SECOND, Flag, Order, Refund, RefundStatus, State

_STATUS = {State.UNPAID: 1, State.PAID: 4, State.SHIPPED: 6, State.FINISHED: 7, State.CLOSED: 9, State.REFUNDED: 8}
_AFTER_SALE = {RefundStatus.OPEN: 2, RefundStatus.DONE: 3, RefundStatus.GONE: 7}
_RETURN = {RefundStatus.OPEN: 1, RefundStatus.DONE: 4, RefundStatus.GONE: 5}


def status_of(order: Order) -> int:
    """1 to pay, 2 under review, 4 to ship, 6 shipped, 7 done, 8 closed, 9 cancelled."""
    if order.state is State.PAID and order.flag is Flag.RISK:
        return 2
    if order.flag is Flag.FAILED:
        return 9
    return _STATUS[order.state]


def list_row(order: Order) -> dict[str, Any]:
    """What a list tells: no money, no goods, no buyer."""
    return {
        "orderId": order.ext_id, "orderType": 1, "orderStatus": status_of(order), "orderAfterSalesStatus": _after(order),
        "cancelStatus": 0, "createdTime": _ms(order.created), "paidTime": _ms(order.paid_at),
        "updateTime": _ms(order.modified), "deliveryTime": _ms(order.shipped_at),
        "cancelTime": _ms(order.ended) if order.state is State.CLOSED else 0,
        "finishTime": _ms(order.ended) if order.state is State.FINISHED else 0,
        "promiseLastDeliveryTime": _ms((order.paid_at or order.created) + 2 * 86_400 * SECOND),
        "planInfoId": "", "planInfoName": "", "receiverCountryName": "中国", "receiverProvinceName": "江苏",
        "receiverCityName": "苏州", "receiverDistrictName": "相城区", "customerRemark": order.message,
        "sellerRemark": order.note, "sellerRemarkFlag": 1, "originalOrderId": "", "logistics": "red_auto",
        "orderTagList": ["NO_LOGISTICS_SHIP"],
    }  # fmt: skip


def detail_row(order: Order, text: str) -> dict[str, Any]:
    """The whole order; ``text`` is what was delivered, "" before that."""
    off = 100 if order.n % 3 == 0 else 0  # some buyers hold a coupon of the merchant, one yuan off each piece
    red = 50 * order.qty if order.n % 5 == 0 else 0  # and some one of the platform
    price = order.due // order.qty
    changed = order.due - price * order.qty
    mark = crc32(order.product.code.encode())
    sku = {
        "skuId": f"603c{mark:020x}", "skuName": order.product.title, "erpcode": order.product.sku("XH-"),
        "skuSpec": "标准", "skuImage": "", "skuQuantity": order.qty, "totalPaidAmount": order.due,
        "totalMerchantDiscount": off * order.qty, "totalRedDiscount": red, "totalTaxAmount": 0, "totalNetWeight": 0,
        "skuTag": 0, "isChannel": False, "deliveryMode": 1, "kolId": "", "kolName": "",
        "skuAfterSaleStatus": _after(order), "itemId": f"601a{mark:020x}", "itemName": order.product.title,
        "skuDetailList": [{
            "skuId": f"603c{mark:020x}", "erpCode": order.product.sku("XH-"), "barcode": "", "quantity": order.qty,
            "registerName": "", "skuName": order.product.title, "pricePerSku": price, "taxPerSku": 0,
            "paidAmountPerSku": price, "depositAmountPerSku": 0, "merchantDiscountPerSku": off,
            "redDiscountPerSku": red // order.qty, "rawPricePerSku": price + off + red // order.qty,
        }],
    }  # fmt: skip
    return {
        **list_row(order), "skuList": [sku], "totalNetWeightAmount": 0, "totalPayAmount": order.due,
        "totalShippingFree": 0, "unpack": False, "expressTrackingNo": text,
        "expressCompanyCode": "selfdelivery" if text else "", "receiverName": "", "receiverPhone": "",
        "receiverAddress": "", "openAddressId": f"{mark:032x}", "simpleDeliveryOrderList": [], "totalDepositAmount": 0,
        "totalMerchantDiscount": off * order.qty, "totalRedDiscount": red,
        "merchantActualReceiveAmount": order.due + red, "totalChangePriceAmount": changed, "paymentType": 2,
        "shopId": "practice", "shopName": "卡台演练店", "userId": order.buyer, "logisticsMode": 1,
        "outPromotionAmount": 0, "outTradeNo": f"4200{order.n:020d}",
    }  # fmt: skip


def refund_row(refund: Refund) -> dict[str, Any]:
    """An after-sale as the list shows it."""
    waiting = refund.status is RefundStatus.OPEN
    return {
        **_refund_base(refund),
        "expireTime": _ms(refund.created + 2 * 86_400 * SECOND) if waiting else -1,
        "desc": refund.reason,
        "returnsTag": 0,
        "expectedRefundAmountYuan": refund.amount / 100,
    }


def refund_detail(refund: Refund) -> dict[str, Any]:
    """An after-sale by itself."""
    done = refund.status is RefundStatus.DONE
    return {
        **_refund_base(refund),
        "expireTime": -1,
        "skus": [],
        "refundAmountYuan": refund.amount / 100 if done else 0,
        "refundStatus": 2 if done else 1,
    }


def _refund_base(refund: Refund) -> dict[str, Any]:
    order = refund.order
    return {
        "returnsId": f"R{refund.n}", "returnType": 4 if order.shipped_at else 5, "reasonId": 1,
        "reasonNameZh": refund.reason, "status": _RETURN[refund.status], "userId": order.buyer,
        "orderId": order.ext_id, "applyTime": _ms(refund.created), "updatedAt": _ms(refund.modified),
    }  # fmt: skip


def _after(order: Order) -> int:
    return _AFTER_SALE[order.refund.status] if order.refund else 1


def _ms(us: int) -> int:
    return us // 1000
