"""The product that an order counts under follows the order, when its lines get another one."""

from collections.abc import Mapping, Sequence

from core.store.tx import PRODUCT, Tx

_PRODUCTS = "SELECT id, product FROM orders WHERE id IN (:ids)"


def products_of(tx: Tx, orders: Sequence[int]) -> dict[int, str]:
    """Under which product each of these orders counts."""
    return {int(order): str(product) for order, product in tx.all_in(_PRODUCTS, (), orders)}


def recount(tx: Tx, before: Mapping[int, str]) -> None:
    """After a change: what was received under the product of ``before`` goes under the one that the order has now."""
    now = products_of(tx, list(before))
    for order, product in before.items():
        if now[order] != product:
            tx.renamed(PRODUCT, product, now[order])
