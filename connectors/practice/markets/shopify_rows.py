"""Shopify's orders as objects of its Admin GraphQL API, built from the world's when they are asked for."""

from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from connectors.practice.gate import yuan
from connectors.practice.world import SECOND, Flag, Order, RefundStatus, State

_FINANCIAL = {State.UNPAID: "PENDING", State.CLOSED: "VOIDED", State.REFUNDED: "REFUNDED"}


def stamp(us: int) -> str:
    """The platform's time text of UTC us."""
    return datetime.fromtimestamp(us // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str) -> int:
    """UTC us of such a text. Raises ValueError."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()) * SECOND


def gid(kind: str, number: int | str) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def fulfilment_of(order: Order) -> str:
    """The order's aggregated fulfilment status. Staff puts a paid order on hold whose buyer asks for the money back."""
    asked = order.refund is not None and order.refund.status is RefundStatus.OPEN
    if order.state is State.PAID and (order.flag is Flag.FORBID or asked):
        return "ON_HOLD"
    return "FULFILLED" if order.shipped_at else "UNFULFILLED"


def part_of(order: Order) -> dict[str, Any]:
    """The one fulfilment order: everything is at one location."""
    if order.shipped_at or order.state in (State.CLOSED, State.REFUNDED):
        status = "CLOSED" if order.shipped_at else "CANCELLED"
    else:
        status = "ON_HOLD" if fulfilment_of(order) == "ON_HOLD" else "OPEN"
    return {
        "id": gid("FulfillmentOrder", order.n), "status": status,
        "assignedLocation": {"name": "Practice", "location": {"id": gid("Location", 1)}},
    }  # fmt: skip


def bag(amount: int) -> dict[str, Any]:
    """Money; both currencies are the shop's."""
    money = {"amount": yuan(amount), "currencyCode": "CNY"}
    return {"shopMoney": money, "presentmentMoney": money}


def row_of(order: Order) -> dict[str, Any]:
    """What a list shows; whole orders come by their id."""
    return {"id": gid("Order", order.ext_id), "updatedAt": stamp(order.modified), "name": f"#{1000 + order.n}"}


def order_of(order: Order) -> dict[str, Any]:
    """Every field of an order that this world fills."""
    gone = order.state is State.REFUNDED
    risk = "INVESTIGATE" if order.state is State.PAID and order.flag is Flag.RISK else "ACCEPT"
    taken = order.state is State.CLOSED or (gone and not order.shipped_at)
    left = 0 if gone else order.due
    return row_of(order) | {
        "email": order.email or None, "note": order.message or None, "createdAt": stamp(order.created),
        "cancelledAt": stamp(order.ended) if taken else None, "test": False, "currencyCode": "CNY",
        "taxesIncluded": True, "displayFinancialStatus": _FINANCIAL.get(order.state, "PAID"),
        "displayFulfillmentStatus": fulfilment_of(order),
        "customer": {"id": gid("Customer", int(order.buyer[1:]) + 1), "displayName": order.nick} if order.buyer else None,
        "totalPriceSet": bag(order.due), "currentTotalPriceSet": bag(left), "currentTotalTaxSet": bag(0),
        "currentShippingPriceSet": bag(0), "totalTipReceivedSet": bag(0), "currentTotalDutiesSet": None,
        "currentTotalAdditionalFeesSet": None, "totalReceivedSet": bag(order.gross), "totalRefundedSet": bag(order.refunded),
        "risk": {"recommendation": risk, "assessments": []}, "transactions": lambda args: _transactions(order)[: args["first"]],
        "lineItems": {"nodes": [_line(order)], "pageInfo": {"hasNextPage": False, "endCursor": None}},
        "fulfillmentOrders": {"nodes": [part_of(order)] if order.paid_at else [], "pageInfo": {"hasNextPage": False, "endCursor": None}},
    }  # fmt: skip


def _line(order: Order) -> dict[str, Any]:
    full = -(-order.due // order.qty)
    code = crc32(order.product.code.encode())
    less = [{"allocatedAmountSet": bag(full * order.qty - order.due)}] if full * order.qty != order.due else []
    return {
        "id": gid("LineItem", order.n * 7 + 1), "sku": order.product.sku("SF-"), "title": order.product.title,
        "quantity": order.qty, "currentQuantity": 0 if order.state is State.REFUNDED else order.qty, "requiresShipping": False,
        "variant": {"id": gid("ProductVariant", code)}, "originalUnitPriceSet": bag(full), "discountAllocations": less,
        "taxLines": [],
    }  # fmt: skip


def _transactions(order: Order) -> list[dict[str, Any]]:
    out = []
    if order.gross:
        out.append(_transaction(order.n * 10, "SALE", order.paid_at, order.gross))
    if order.refund is not None and order.refund.status is RefundStatus.DONE:
        out.append(_transaction(order.n * 10 + 1, "REFUND", order.refund.modified, order.refund.amount))
    elif order.refunded:
        out.append(_transaction(order.n * 10 + 1, "REFUND", order.ended, order.refunded))
    return out


def _transaction(number: int, kind: str, at: int, amount: int) -> dict[str, Any]:
    return {
        "id": gid("OrderTransaction", number), "kind": kind, "status": "SUCCESS", "processedAt": stamp(at),
        "amountSet": bag(amount), "gateway": "shopify_payments", "test": False,
    }  # fmt: skip
