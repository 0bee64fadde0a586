"""WooCommerce's orders, built from the world's when they are asked for."""

from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.world import SECOND, Flag, Order, RefundStatus, State

_STATUS = {
    State.UNPAID: "pending",
    State.PAID: "processing",
    State.SHIPPED: "completed",
    State.FINISHED: "completed",
    State.CLOSED: "cancelled",
    State.REFUNDED: "refunded",
}


def stamp(us: int) -> str:
    """The platform's time text (UTC, whole seconds, no zone) of UTC us."""
    return datetime.fromtimestamp(us // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_stamp(text: str) -> int:
    """UTC us of such a text. Raises ValueError."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()) * SECOND


def status_of(order: Order) -> str:
    """The platform's word for where the order stands: money that is looked into is on hold, and so is a paid order
    whose buyer asks for it back, because the shop's staff puts it there: WooCommerce knows no requests."""
    if order.state is State.PAID and (order.flag is Flag.FORBID or asked_back(order)):
        return "on-hold"
    return _STATUS[order.state]


def asked_back(order: Order) -> bool:
    """Whether a refund is being talked about."""
    return order.refund is not None and order.refund.status is RefundStatus.OPEN


def order_row(order: Order) -> dict[str, Any]:
    """Every field of an order that this world fills, as a client with context=view gets it."""
    paid = 0 if order.state is State.PAID and order.flag is Flag.FORBID else order.paid_at
    refund = order.refund
    back = refund is not None and refund.status is RefundStatus.DONE
    return {
        "id": int(order.ext_id), "parent_id": 0, "number": order.ext_id, "order_key": f"wc_order_{crc32(order.ext_id.encode()):08x}",
        "created_via": "checkout", "version": "10.3.5", "status": status_of(order), "currency": "CNY",
        "date_created": stamp(order.created), "date_created_gmt": stamp(order.created),
        "date_modified": stamp(order.modified), "date_modified_gmt": stamp(order.modified),
        "discount_total": "0.00", "discount_tax": "0.00", "shipping_total": "0.00", "shipping_tax": "0.00",
        "cart_tax": "0.00", "total": yuan(order.due), "total_tax": "0.00", "prices_include_tax": False,
        "customer_id": int(order.buyer[1:]) + 1 if order.buyer else 0, "customer_ip_address": "203.0.113.7",
        "customer_user_agent": "practice", "customer_note": order.message,
        "billing": {
            "first_name": order.nick, "last_name": "", "company": "", "address_1": "", "address_2": "", "city": "",
            "state": "", "postcode": "", "country": "CN", "email": order.email, "phone": "",
        },
        "payment_method": "stripe", "payment_method_title": "Card",
        "transaction_id": f"ch_{order.n:010d}" if order.paid_at else "",
        "date_paid": stamp(paid) if paid else None, "date_paid_gmt": stamp(paid) if paid else None,
        "date_completed": stamp(order.shipped_at) if order.shipped_at else None,
        "date_completed_gmt": stamp(order.shipped_at) if order.shipped_at else None,
        "cart_hash": "", "meta_data": [], "line_items": [_line(order)], "tax_lines": [], "shipping_lines": [],
        "fee_lines": [], "coupon_lines": [],
        "refunds": [{"id": refund.n, "reason": refund.reason, "total": yuan(-refund.amount)}] if refund and back else [],
    }  # fmt: skip


def _line(order: Order) -> dict[str, Any]:
    due = yuan(order.due)
    return {
        "id": order.n * 3 + 1, "name": order.product.title, "product_id": 1000 + crc32(order.product.code.encode()) % 9000,
        "variation_id": 0, "quantity": order.qty, "tax_class": "", "subtotal": due, "subtotal_tax": "0.00", "total": due,
        "total_tax": "0.00", "taxes": [], "meta_data": [], "sku": order.product.sku(order.shop.market.sku_prefix),
        "price": order.due / 100 / order.qty, "image": {"id": "", "src": ""}, "parent_name": None,
    }  # fmt: skip
