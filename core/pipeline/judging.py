"""What the rules are told about an order, and what their answer does to it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.model.clock import HOUR, SECOND
from core.model.order import OrderUpdate
from core.pipeline.ledger import NO_MONEY, Sums
from core.pipeline.setup import Judgement, Setup, ShopInfo
from core.store.tx import Tx

_DAY = 24 * HOUR
_BEIJING = 8 * HOUR


class Known:
    """What is known of an order besides its snapshot when it is judged; one object serves a whole batch.

    ``orders`` and ``spent`` are the buyer's so far, this order included; 0 where the platform names no buyer.
    """

    __slots__ = ("hot", "orders", "paid_at", "product", "shop", "spent")

    def __init__(self, shop: ShopInfo, product: str, hot: bool, orders: int, spent: int, paid_at: int | None) -> None:
        self.shop, self.product, self.hot = shop, product, hot
        self.orders, self.spent, self.paid_at = orders, spent, paid_at


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
    found = tx.upsert(
        "buyer(id, orders, spent, first_at)",
        [(buyer, orders, spent, now) for buyer, (orders, spent) in rows.items()],
        "ON CONFLICT(id) DO UPDATE SET orders = orders + excluded.orders, spent = spent + excluded.spent "
        "RETURNING id, orders, spent",
    )
    return {buyer: (orders, spent) for buyer, orders, spent in found}


def judge(
    tx: Tx,
    setup: Setup,
    fresh: Sequence[tuple[int, OrderUpdate, int]],
    mapped: Sequence[Sequence[str]],
    sums: Sums,
) -> Sequence[Judgement]:
    """The rules' word on new orders (shop, snapshot, seen at), whose buyers are counted along the way."""
    rules, money_of, shops = setup.rules, sums.money.get, setup.shops
    paid = [(u.buyer, 1, money_of((shop, u.ext_id), NO_MONEY).paid) for shop, u, _ in fresh]
    seen = buyers_seen(tx, paid, tx.now)
    makers = [FACTS[name] for name in rules.fields]
    hot = {product: setup.catalogue.is_hot(product) for product in {products[0] for products in mapped}}
    known = Known(shops[fresh[0][0]], "", False, 0, 0, None)
    rows = []
    # A page may hold several orders of one buyer: each is told how many there were up to and including itself.
    ahead = Counter([u.buyer for _, u, _ in fresh])
    for (shop, u, _), products in zip(fresh, mapped, strict=True):
        orders, spent = seen.get(u.buyer, (0, 0))
        if u.buyer:
            ahead[u.buyer] -= 1
            orders -= ahead[u.buyer]
        money = money_of((shop, u.ext_id))
        known.shop, known.product, known.hot = shops[shop], products[0], hot[products[0]]
        known.orders, known.spent, known.paid_at = orders, spent, money.paid_at if money else None
        rows.append(tuple([make(u, known) for make in makers]))
    return rules.judge_rows(rows)
