"""The merchant's catalogue: which platform SKU is which product. Immutable; a reload swaps the whole object."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.model.restock import Restock
from core.model.text import clean
from core.settings_files import line_of, nearest, parse, read_text

_ID = re.compile(r"[\w][\w.-]{0,63}\Z")
_FIELDS = {"title", "kind", "skus", "hot", "restock"}


_RESTOCK = ("supplier", "code", "below", "buy", "price", "most_a_day")
_PRICE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,4})?\Z")


class ProductsError(Exception):
    """products.toml cannot be used. The text names file, line, product and remedy."""


class Product(Struct, frozen=True):
    """One product. ``kind`` is "key": each slot takes one key of the product's pool."""

    id: str
    title: str
    kind: str
    skus: tuple[str, ...]  # "sku" for every shop, "shop:sku" for one
    hot: bool = False
    restock: Restock | None = None  # bought from a supplier when it runs short


class Catalogue:
    """Look-ups over products. ``product_of`` prefers a mapping for the shop over one for all shops."""

    __slots__ = ("_anywhere", "_by_shop", "_products")

    def __init__(self, products: Mapping[str, Product] | None = None) -> None:
        self._products = dict(products or {})
        self._by_shop: dict[tuple[str, str], str] = {}
        self._anywhere: dict[str, str] = {}
        for product in self._products.values():
            for name in product.skus:
                shop, sku = split_sku(name)
                taken = self._by_shop.get((shop, sku)) if shop else self._anywhere.get(sku)
                if taken is not None:
                    twice = "twice" if taken == product.id else f"to {taken!r} already"
                    raise ProductsError(f"products.{product.id}: SKU {name!r} is mapped {twice}; a SKU has one product")
                if shop:
                    self._by_shop[(shop, sku)] = product.id
                else:
                    self._anywhere[sku] = product.id

    def product_of(self, shop: str, sku: str) -> str:
        """The product's id, or "" for an unmapped SKU."""
        return self._by_shop.get((shop, sku)) or self._anywhere.get(sku, "")

    def is_hot(self, product: str) -> bool:
        """Whether the merchant marked the product as hot; an unknown one is not."""
        found = self._products.get(product)
        return found is not None and found.hot

    def title_of(self, product: str) -> str:
        """The product's title, or its id when it is unknown."""
        found = self._products.get(product)
        return found.title if found is not None else product

    @property
    def products(self) -> tuple[Product, ...]:
        """All products in the file's order."""
        return tuple(self._products.values())

    @property
    def restocks(self) -> tuple[Restock, ...]:
        """What is bought from suppliers when it runs short."""
        return tuple(one.restock for one in self._products.values() if one.restock is not None)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all products."""
        return tuple(self._products)

    def unknown_shops(self, shops: frozenset[str]) -> list[str]:
        """Shops named in SKUs that are not configured: likely a misspelt name, so the mapping would never fire."""
        return sorted({shop for shop, _sku in self._by_shop} - shops)


def split_sku(name: str) -> tuple[str, str]:
    """``"shop:sku"`` -> (shop, sku); ``"sku"`` -> ("", sku). A SKU that itself has a colon is written ``":a:b"``."""
    shop, colon, sku = name.partition(":")
    return (shop, sku) if colon else ("", name)


def compile_products(text: str, file: Path) -> Catalogue:
    """A catalogue from the text of products.toml. Raises ProductsError, or SettingsError for broken TOML."""
    tree = parse(text, file)
    for key in tree:
        if key != "products":
            raise ProductsError(f"{_place(file, text, (key,))}: {key}: no such section{nearest(key, ['products'])}")
    table = tree.get("products", {})
    if not isinstance(table, dict):
        raise ProductsError(f"{file}: products is a table: [products.ID]")
    found: dict[str, Product] = {}
    for name, body in table.items():
        place = f"{_place(file, text, ('products', name))}: products.{clean(name, 64)}"
        found[name] = _product(name, body, place, file, text)
    try:
        return Catalogue(found)
    except ProductsError as error:
        raise ProductsError(f"{file}: {error}") from None


def load_products(file: Path) -> Catalogue:
    """Read and compile. Raises ProductsError or SettingsError."""
    return compile_products(read_text(file), file)


def _product(name: str, body: Any, place: str, file: Path, text: str) -> Product:
    if not _ID.match(name):
        raise ProductsError(f"{place}: an id has letters, digits, dots, dashes or underscores, at most 64")
    if not isinstance(body, dict):
        raise ProductsError(f"{place}: is a table: [products.{name}]")
    for key in body:
        if key not in _FIELDS:
            where = _place(file, text, ("products", name, key))
            raise ProductsError(f"{where}: products.{name}.{clean(key, 64)}: no such field{nearest(key, _FIELDS)}")
    title, kind, skus, hot = (
        body.get(k, d) for k, d in (("title", name), ("kind", "key"), ("skus", []), ("hot", False))
    )
    if not isinstance(title, str) or not title.strip():
        raise ProductsError(f"{place}: title is a text")
    if kind != "key":
        raise ProductsError(f'{place}: kind must be "key": each slot takes one key of its pool')
    if not isinstance(skus, list) or not all(isinstance(s, str) and split_sku(s)[1].strip() for s in skus):
        raise ProductsError(f'{place}: skus is a list of "sku" or "shop:sku"')
    if not isinstance(hot, bool):
        raise ProductsError(f"{place}: hot is true or false")
    title = clean(title, 200)
    restock = restock_of(name, title, body["restock"], place) if "restock" in body else None
    return Product(name, title, kind, tuple(skus), hot, restock)


def restock_of(product: str, title: str, body: Any, place: str) -> Restock:
    """How a product is bought: ``restock = {supplier, code, below, buy, price, most_a_day}``. Raises ProductsError."""
    if not isinstance(body, dict):
        raise ProductsError(f"{place}: restock is a table: {{ supplier, code, below, buy, price, most_a_day }}")
    for key in body:
        if key not in _RESTOCK:
            raise ProductsError(f"{place}: restock.{clean(str(key), 64)}: no such field{nearest(key, _RESTOCK)}")
    for key in _RESTOCK:
        if key not in body:
            raise ProductsError(f"{place}: restock lacks {key}")
    supplier, code, price = (str(body[key]).strip() for key in ("supplier", "code", "price"))
    below, buy, most = (body[key] for key in ("below", "buy", "most_a_day"))
    if not supplier or not code:
        raise ProductsError(f"{place}: restock names a supplier of settings.toml and its code of the product")
    if not _PRICE.match(price):
        raise ProductsError(f'{place}: restock.price is the most that one may cost, as text: "49.50"')
    for key, number, top in (("below", below, 1_000_000), ("buy", buy, 1000), ("most_a_day", most, 1_000_000)):
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= top:
            raise ProductsError(f"{place}: restock.{key} is a number from 1 to {top:,}")
    return Restock(product, title, supplier, code, below, buy, price, most)


def _place(file: Path, text: str, keys: tuple[str, ...]) -> str:
    number = line_of(text, keys)
    return f"{file}:{number}" if number else str(file)
