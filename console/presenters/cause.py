"""What cases of one kind have in common beside it: the product, the article that nobody mapped, else the shop."""

from typing import NamedTuple

from console.wire import Case
from core.model.text import clean

# What tells causes of a kind apart; all others have the shop in common.
_PRODUCT, _ARTICLE = frozenset({"no_stock", "price_mismatch", "unit_suspect"}), frozenset({"sku_unmapped"})


class Cause(NamedTuple):
    """``filter`` finds the orders of the same cause among the exceptions; ``name`` is what they share."""

    filter: str
    name: str


def cause_of(case: Case) -> Cause | None:
    """The cause of a case; None when it has no order, or what it shares cannot stand in a filter."""
    row = case["row"]
    if row is None:
        return None
    field, value, name = "shop", case["shop"], case["shop"]
    if case["kind"] in _PRODUCT and row["product"]:
        field, value, name = "product", row["product"], row["title"] or row["product"]
    elif case["kind"] in _ARTICLE and row["title"]:
        field, value, name = "title", row["title"], row["title"]
    if not value or '"' in value:
        return None
    return Cause(f'case:{case["kind"]} {field}="{value}"', clean(name, 40))
