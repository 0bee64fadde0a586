"""What the rules are told about an order, and what their answer does to it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from core.model.clock import HOUR, SECOND
from core.model.order import OrderUpdate
from core.pipeline.setup import Setup, ShopInfo
from core.store.tx import Tx

_DAY = 24 * HOUR
_BEIJING = 8 * HOUR


class Known(NamedTuple):
    """What is known of an order besides its snapshot when it is judged.

    ``orders`` and ``spent`` are the buyer's so far, this order included; 0 where the platform names no buyer.
    """

    shop: ShopInfo
    product: str
    hot: bool
    orders: int
    spent: int
    paid_at: int | None


def _paid_late(order: OrderUpdate, known: Known) -> bool:
    return known.paid_at is not None and known.paid_at - order.created_at > 600 * SECOND


# One order as rule conditions see it. Amounts in minor units; hour and weekday in Beijing time (Monday = 1).
FACTS: Mapping[str, Callable[[OrderUpdate, Known], Any]] = {
    "amount": lambda order, _: order.total,
    "currency": lambda order, _: order.currency,
    "shop": lambda _, known: known.shop.name,
    "platform": lambda _, known: known.shop.platform,
    "product": lambda _, known: known.product,
    "title": lambda order, _: order.lines[0].title,
    "qty": lambda order, _: order.lines[0].qty,
    "buyer": lambda order, _: order.buyer,
    "buyer_orders": lambda _, known: known.orders,
    "buyer_spent": lambda _, known: known.spent,
    "first_order": lambda order, known: order.buyer != "" and known.orders <= 1,
    "message": lambda order, _: order.message,
    "hot": lambda _, known: known.hot,
    "hour": lambda order, _: (order.created_at + _BEIJING) // HOUR % 24,
    "weekday": lambda order, _: ((order.created_at + _BEIJING) // _DAY + 3) % 7 + 1,
    "paid_late": _paid_late,
}


def due_at_of(setup: Setup, created_at: int, deadline: int | None) -> int:
    """The sort time inside one priority: the platform's deadline, or a day after the order was placed."""
    return deadline if deadline is not None else created_at + setup.default_patience_us


def buyers_seen(tx: Tx, buyers: Sequence[tuple[str, int, int]], now: int) -> dict[str, tuple[int, int]]:
    """Count orders of known buyers: rows (buyer id, new orders, spent minor units) -> (orders, spent) so far."""
    rows: dict[str, list[int]] = {}
    for buyer, orders, spent in buyers:
        if buyer:
            held = rows.setdefault(buyer, [0, 0])
            held[0] += orders
            held[1] += spent
    if not rows:
        return {}
    tx.many(
        "INSERT INTO buyer(id, orders, spent, first_at) VALUES(?, ?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET orders = orders + excluded.orders, spent = spent + excluded.spent",
        [(buyer, orders, spent, now) for buyer, (orders, spent) in rows.items()],
    )
    found = tx.all(
        "SELECT b.id, b.orders, b.spent FROM json_each(?) j CROSS JOIN buyer b ON b.id = j.value",
        (json.dumps(list(rows), ensure_ascii=False),),
    )
    return {str(buyer): (int(orders), int(spent)) for buyer, orders, spent in found}
