"""Vendure's orders as objects of its Admin API, built from the world's when they are asked for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from connectors.practice.graphql import Scalar
from connectors.practice.world import SECOND, Flag, Order, RefundStatus, State

_STATE = {State.PAID: "PaymentSettled", State.SHIPPED: "Shipped", State.FINISHED: "Delivered"}
_REFUND = {RefundStatus.OPEN: "Pending", RefundStatus.DONE: "Settled", RefundStatus.GONE: "Failed"}


def stamp(us: int) -> str:
    """Milliseconds, as for times that Vendure sets itself."""
    return datetime.fromtimestamp(us // SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{us // 1000 % 1000:03d}Z"


def whole(us: int) -> str:
    """Whole seconds, as for times that an SQLite database sets."""
    return stamp(us // SECOND * SECOND)


def parse_stamp(text: str) -> int:
    """UTC us of such a text, with or without a fraction. Raises ValueError."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    at = datetime.strptime(text, form).replace(tzinfo=UTC)
    return int(at.timestamp()) * SECOND + at.microsecond


def state_of(order: Order) -> str:
    """The order's state. Money that went back leaves it as it was, unless the order was undone before it shipped."""
    if order.state is State.PAID and order.flag is Flag.FORBID:
        return "PaymentAuthorized"
    if order.state is State.REFUNDED:
        return "Shipped" if order.shipped_at else "Cancelled"
    return _STATE[order.state]


def order_of(order: Order, fulfilment: Mapping[str, Any] | None, notes: list[str]) -> dict[str, Any]:
    """Every field of a placed order that this world fills. Amounts in two digits, whatever the currency."""
    state = state_of(order)
    gone = state == "Cancelled"
    owed = 0 if gone else order.due
    past = 4 + (order.shipped_at > 0) * 3 + (order.refunded > 0) * 2 + (order.state is State.FINISHED) * 2
    past += order.flag is not Flag.FORBID
    return {
        "__typename": "Order", "id": str(order.n), "code": order.ext_id, "type": "Regular", "state": state, "active": False,
        "orderPlacedAt": stamp(order.paid_at), "createdAt": whole(order.created),
        # As the real one: placing, paying and shipping leave it alone.
        "updatedAt": whole(order.created),
        "currencyCode": "CNY", "totalWithTax": owed, "shippingWithTax": 0,
        "customer": {
            "id": str(int(order.buyer[1:]) + 1), "emailAddress": order.email, "firstName": order.nick, "lastName": "",
        },
        "lines": [_line(order, gone)], "surcharges": [], "payments": _payments(order, state),
        "fulfillments": [fulfilment] if fulfilment else [],
        "history": lambda args: _history(order, past, notes, args),
    }  # fmt: skip


def _line(order: Order, gone: bool) -> dict[str, Any]:
    unit = -(-order.due // order.qty)
    quantity = 0 if gone else order.qty
    return {
        "id": str(order.n * 5 + 2), "quantity": quantity, "orderPlacedQuantity": order.qty, "unitPriceWithTax": unit,
        "linePriceWithTax": unit * quantity, "proratedLinePriceWithTax": order.due if quantity else 0,
        "productVariant": {
            "id": str(crc32(order.product.code.encode()) % 10_000), "sku": order.product.sku("VD-"), "name": order.product.title,
        },
    }  # fmt: skip


def _payments(order: Order, state: str) -> list[dict[str, Any]]:
    refund = order.refund
    back = []
    if refund is not None:
        back = [_refund(refund.n, _REFUND[refund.status], refund.amount, refund.reason, refund.created)]
    elif order.refunded:
        back = [_refund(order.n, "Settled", order.refunded, "", order.ended)]
    settled = "Authorized" if state == "PaymentAuthorized" else "Settled"
    return [
        {
            "id": str(order.n), "state": settled, "amount": order.gross, "method": "card", "transactionId": f"ch_{order.n}",
            "createdAt": whole(order.paid_at), "refunds": back,
        }
    ]  # fmt: skip


def _refund(number: int, state: str, amount: int, reason: str, at: int) -> dict[str, Any]:
    return {"id": str(number), "state": state, "total": amount, "reason": reason or None, "createdAt": whole(at)}


def _history(order: Order, past: int, notes: list[str], args: dict[str, Any]) -> dict[str, Any]:
    options = args.get("options") or {}
    wanted = options.get("filter", {}).get("type", {})
    if wanted == {"eq": "ORDER_NOTE"}:
        shown = [
            {"type": "ORDER_NOTE", "isPublic": True, "createdAt": whole(order.modified), "data": Scalar(note=note)}
            for note in notes
        ]
    else:
        entry = {
            "type": "ORDER_STATE_TRANSITION",
            "isPublic": True,
            "createdAt": whole(order.modified),
            "data": Scalar(),
        }
        shown = [entry] * past
    return {"totalItems": len(shown), "items": shown[: options.get("take", 1000)]}
