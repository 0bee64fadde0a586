"""Taobao's trade and refund rows, built from an order when they are asked for."""

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.world import SECOND, Flag, Order, Refund, RefundStatus, State

_BEIJING = timezone(timedelta(hours=8))
_STATUS = {
    State.UNPAID: "WAIT_BUYER_PAY",
    State.PAID: "WAIT_SELLER_SEND_GOODS",
    State.SHIPPED: "WAIT_BUYER_CONFIRM_GOODS",
    State.FINISHED: "TRADE_FINISHED",
    State.CLOSED: "TRADE_CLOSED_BY_TAOBAO",
    State.REFUNDED: "TRADE_CLOSED",
}
_REFUND = {RefundStatus.OPEN: "WAIT_SELLER_AGREE", RefundStatus.DONE: "SUCCESS", RefundStatus.GONE: "CLOSED"}


@lru_cache(maxsize=4096)
def _stamp(second: int) -> str:
    return datetime.fromtimestamp(second, tz=_BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def time_text(us: int) -> str:
    """The platform's time text (GMT+8, whole seconds) of UTC us."""
    return _stamp(us // SECOND)


@lru_cache(maxsize=256)
def parse_time(text: str) -> int:
    """UTC us of the platform's time text. Raises ValueError."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING).timestamp()) * SECOND


def status_of(order: Order) -> str:
    """The platform's word for where the trade stands."""
    if order.state is State.PAID and order.flag is Flag.FORBID:
        return "PAID_FORBID_CONSIGN"
    return _STATUS[order.state]


def trade_row(order: Order) -> dict[str, Any]:
    """Every field of a trade that this world fills. Fields without a value are absent, as they are at the platform."""
    price = order.due // order.qty
    adjust = order.due - price * order.qty
    due, status = yuan(order.due), status_of(order)
    row: dict[str, Any] = {
        "tid": int(order.ext_id), "tid_str": order.ext_id, "status": status, "type": "fixed",
        "shipping_type": "virtual", "payment": due, "total_fee": yuan(price * order.qty), "post_fee": "0.00",
        "discount_fee": "0.00", "adjust_fee": yuan(adjust),
        "received_payment": due if order.state is State.FINISHED else "0.00", "num": order.qty,
        "title": order.product.title, "seller_nick": "卡台演练店", "buyer_nick": order.nick,
        "buyer_open_uid": order.buyer, "ouid": order.buyer, "created": time_text(order.created),
        "modified": time_text(order.modified), "has_buyer_message": bool(order.message), "seller_flag": 0,
    }  # fmt: skip
    if order.message:
        row["buyer_message"] = order.message
    if order.note:
        row["seller_memo"] = order.note
    if order.paid_at:
        row["pay_time"] = time_text(order.paid_at)
        row["alipay_no"] = f"2026112422001{order.n:015d}"
    if order.shipped_at:
        row["consign_time"] = time_text(order.shipped_at)
    if order.ended:
        row["end_time"] = time_text(order.ended)
    row["orders"] = {"order": [_line(order, price, adjust, status)]}
    return row


def _line(order: Order, price: int, adjust: int, status: str) -> dict[str, Any]:
    refund, due = order.refund, yuan(order.due)
    line: dict[str, Any] = {
        "oid": int(order.ext_id), "oid_str": order.ext_id, "num_iid": 680_000_000_000 + crc32(order.product.code.encode()),
        "sku_id": f"59{crc32(order.product.code.encode()):011d}", "outer_iid": order.product.code,
        "outer_sku_id": order.product.sku("TB-"), "num": order.qty, "price": yuan(price),
        "total_fee": due, "payment": due, "divide_order_fee": due, "discount_fee": "0.00", "adjust_fee": yuan(adjust),
        "part_mjz_discount": "0.00", "status": status, "title": order.product.title,
        "sku_properties_name": "版本:标准", "refund_status": _REFUND[refund.status] if refund else "NO_REFUND",
    }  # fmt: skip
    if refund is not None:
        line["refund_id"] = str(refund.n)
    if order.state in (State.UNPAID, State.PAID):
        line["timeout_action_time"] = time_text((order.paid_at or order.created) + 86_400 * SECOND)
    return line


def refund_row(refund: Refund) -> dict[str, Any]:
    """Every field of a refund that this world fills."""
    order = refund.order
    return {
        "refund_id": str(refund.n), "tid": int(order.ext_id), "oid": int(order.ext_id),
        "status": _REFUND[refund.status], "refund_fee": yuan(refund.amount), "total_fee": yuan(order.due),
        "payment": yuan(order.due - refund.amount), "good_status": "BUYER_NOT_RECEIVED", "has_good_return": False,
        "order_status": status_of(order), "refund_phase": "aftersale" if order.state is State.FINISHED else "onsale",
        "refund_version": refund.modified // 1000, "dispute_type": "REFUND", "reason": refund.reason,
        "desc": refund.reason, "created": time_text(refund.created), "modified": time_text(refund.modified),
        "buyer_nick": order.nick, "title": order.product.title, "num": order.qty, "price": yuan(order.due // order.qty),
    }  # fmt: skip
