"""Weidian's rows, built from an order when they are asked for. Every second order is paid directly, without escrow."""

from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.taobao_rows import time_text
from connectors.practice.world import Flag, Order, RefundStatus, State

_STATUS = {State.UNPAID: "10", State.PAID: "20", State.FINISHED: "50", State.CLOSED: "60", State.REFUNDED: "60"}
_WORD = {"10": "unpay", "20": "pay", "30": "ship", "50": "finish", "60": "close"}
_REFUND = {RefundStatus.OPEN: "1", RefundStatus.DONE: "2", RefundStatus.GONE: "3"}
_ITEM_REFUND = {RefundStatus.OPEN: "1", RefundStatus.DONE: "10", RefundStatus.GONE: ""}


def is_direct(order: Order) -> bool:
    """Money goes to the merchant at once; such an order is finished when it is shipped."""
    return order.n % 2 == 0


def status_of(order: Order) -> str:
    """10 to pay, 20 to ship, 30 shipped, 50 finished, 60 closed."""
    if order.state is State.SHIPPED:
        return "50" if is_direct(order) else "30"
    return _STATUS[order.state]


def list_row(order: Order) -> dict[str, Any]:
    """A row of the list: no goods, and the buyer's fields enciphered."""
    status = status_of(order)
    return {
        "order_id": order.ext_id, "status": _WORD[status], "status_desc": "", "total": yuan(order.due),
        "time": time_text(order.created), "update_time": time_text(order.modified), "group_status": "-1",
        "refundStatus": _refund_of(order), "express_fee": "0.00", "express_no": "", "express_type": None,
        "buyer_note": "", "seller_note": order.note, "is_wei_order": 0, "f_seller_id": "0", "img": "",
        "buyer_info": {"buyer_id": order.buyer, "name": "", "phone": "", "aeskey_version": "1"},
    }  # fmt: skip


def detail_row(order: Order) -> dict[str, Any]:
    """The whole order. Counts are strings, and so is what is none."""
    direct, status = is_direct(order), status_of(order)
    off = 100 if order.n % 3 == 0 else 0  # some orders have a yuan off
    unit = order.due // order.qty
    listed = [unit * order.qty + off * order.qty, unit + off]
    fields = [{"format": "text", "name": "收卡邮箱", "value": order.message}] if direct and order.message else []
    return {
        "order_id": order.ext_id, "status": _WORD[status], "status_ori": status, "status_desc": "",
        "refund_status_ori": _refund_of(order), "order_type": "2" if direct else "3", "argue_flag": int(order.flag is Flag.FORBID),
        "is_close": 0, "group_status": -1, "total": yuan(order.due), "price": yuan(order.due), "express_fee": "0.00",
        "express_fee_num": "0.00", "original_total_price": yuan(listed[0]), "total_fee": "", "fx_fee_value": "",
        "quantity": str(order.qty), "add_time": time_text(order.created), "pay_time": _text(order.paid_at),
        "send_time": _text(order.shipped_at), "update_time": time_text(order.modified), "confirm_expire": "",
        "express": "", "express_no": "", "express_type": None, "express_note": order.note, "trade_no": None,
        "note": "" if direct else order.message, "customInfos": fields, "seller_name": "卡台演练店",
        "buyer_info": {"buyer_id": order.buyer, "name": order.nick, "phone": "", "address": "", "idCardNo": ""},
        "discount_list": [{"discount_type": "1", "discount_info": "满减", "discount_price": yuan(off * order.qty)}] if off else [],
        "refund_info": {"buyer_refund_fee": yuan(order.refunded) if order.refunded else None, "refund_time": None},
        "items": [_item(order, listed[0], listed[1])],
    }  # fmt: skip


def _item(order: Order, total: int, unit: int) -> dict[str, Any]:
    mark = crc32(order.product.code.encode())
    refund = order.refund
    claim = {
        "refund_no": str(refund.n) if refund else "", "refund_status": _ITEM_REFUND[refund.status] if refund else "",
        "refund_fee": yuan(refund.amount) if refund else "", "refund_item_fee": "", "refund_kind": "0", "can_refund": "1",
    }  # fmt: skip
    return {
        "item_id": str(mark), "sku_id": "0", "sub_order_id": 640_000_000_000_000 + order.n, "sku_title": "",
        "item_name": order.product.title, "merchant_code": order.product.sku("WD-"), "sku_merchant_code": None,
        "quantity": str(order.qty), "price": yuan(unit), "total_price": yuan(total), "img": "", "url": "",
        "is_delivered": int(order.shipped_at > 0), "deliver_id": "0", "can_deliver": 1, "refund_info": claim,
    }  # fmt: skip


def _refund_of(order: Order) -> str:
    if order.refund is not None:
        return _REFUND[order.refund.status]
    return "2" if order.state is State.REFUNDED else "0"


def _text(us: int) -> str:
    return time_text(us) if us else ""
