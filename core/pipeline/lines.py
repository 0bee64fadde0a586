"""Goods lines of orders that have no key yet follow the platform: another SKU, another quantity, another price."""

from collections.abc import Sequence
from typing import Any

from core.desk.cases import CaseRow, close_cases, open_cases
from core.model.lifecycle import CaseKind, Stage
from core.model.order import OrderUpdate
from core.pipeline.endings import Standing
from core.pipeline.named import products_of, recount
from core.pipeline.setup import Setup
from core.store.tx import Tx, as_json

LINE = "line(order_id, line, sku, product, title, qty, amount)"
STORED = (
    "SELECT l.order_id, l.line, l.sku, l.qty, l.amount FROM json_each(?) j CROSS JOIN line l ON l.order_id = j.value "
    "ORDER BY l.order_id, l.line"
)


def map_lines(
    tx: Tx, setup: Setup, fresh: Sequence[tuple[int, OrderUpdate, int]], ids: Sequence[int]
) -> list[list[str]]:
    """Insert the lines of new orders (shop, snapshot, seen at); returns the products of each, "" for an unmapped SKU."""
    rows: list[tuple[Any, ...]] = []
    mapped: list[list[str]] = []
    product_of = setup.catalogue.product_of
    for (shop, u, _), order_id in zip(fresh, ids, strict=True):
        name = setup.shops[shop].name
        products = [product_of(name, line.sku) for line in u.lines]
        mapped.append(products)
        for line, product in zip(u.lines, products, strict=True):
            rows.append((order_id, line.line, line.sku, product, line.title, line.qty, line.amount))
    tx.insert(LINE, rows)
    return mapped


class Lines:
    """Rewrites lines that differ from the newest snapshot."""

    def __init__(self, tx: Tx, setup: Setup) -> None:
        self._tx, self._setup = tx, setup

    def follow(self, orders: Sequence[tuple[Standing, OrderUpdate]]) -> None:
        """Bring the lines of these orders up to their snapshots. Call it only while no key is bound to them."""
        tx = self._tx
        stored: dict[int, list[tuple[Any, ...]]] = {}
        for order_id, *line in tx.all(STORED, (as_json(order.id for order, _ in orders),)):
            stored.setdefault(int(order_id), []).append(tuple(line))
        for order, update in orders:
            wanted = sorted((x.line, x.sku, x.qty, x.amount) for x in update.lines)
            if stored.get(order.id) != wanted:
                self._rewrite(order, update)

    def _rewrite(self, order: Standing, update: OrderUpdate) -> None:
        tx, shop = self._tx, self._setup.shops[order.shop].name
        products = [self._setup.catalogue.product_of(shop, x.sku) for x in update.lines]
        tx.run("DELETE FROM line WHERE order_id = ?", (order.id,))
        tx.insert(
            LINE,
            [
                (order.id, x.line, x.sku, product, x.title, x.qty, x.amount)
                for x, product in zip(update.lines, products, strict=True)
            ],
        )
        # From RECEIVED an order goes on once all its lines are mapped; from OPEN it never goes back: a case blocks it.
        stage = Stage.OPEN if all(products) and update.total > 0 else Stage(order.stage)
        before = products_of(tx, (order.id,))
        went = tx.run(
            "UPDATE orders SET product = ?, title = ?, stage = ? WHERE id = ? AND stage = ?",
            (products[0], update.lines[0].title, int(stage), order.id, order.stage),
        )
        if not went:
            return  # the same snapshot ended it; an ended order needs no product
        tx.moved(order.shop, Stage(order.stage), stage)
        recount(tx, before)
        unmapped = [x.sku for x, product in zip(update.lines, products, strict=True) if not product]
        close_cases(tx, [order.id], {CaseKind.SKU_UNMAPPED}, "the order was changed", "intake")
        if unmapped:
            open_cases(tx, [CaseRow(order.id, order.shop, CaseKind.SKU_UNMAPPED, unmapped[0], {"skus": unmapped})])
