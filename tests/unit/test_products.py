"""The catalogue: look-ups by shop and SKU, and mistakes that name line, product and remedy."""

from pathlib import Path

import pytest

from core.products import Catalogue, ProductsError, compile_products, load_products
from core.settings_files import SettingsError, package_root

FILE = Path("products.toml")
GOOD = """
[products.steam-50]
title = "Steam 充值卡 50 元"
skus = ["STEAM-50", "pdd-main:889911"]
hot = true

[products.xbox]
skus = ["pdd-main:STEAM-50", ":a:b"]
"""


def test_a_mapping_for_the_shop_wins() -> None:
    catalogue = compile_products(GOOD, FILE)
    assert catalogue.product_of("taobao", "STEAM-50") == "steam-50"
    assert catalogue.product_of("pdd-main", "STEAM-50") == "xbox"
    assert catalogue.product_of("pdd-main", "889911") == "steam-50"
    assert catalogue.product_of("taobao", "889911") == ""
    assert catalogue.product_of("any", "a:b") == "xbox"
    assert catalogue.product_of("any", "") == ""


def test_hot_and_title() -> None:
    catalogue = compile_products(GOOD, FILE)
    assert [catalogue.is_hot(p) for p in ("steam-50", "xbox", "gone")] == [True, False, False]
    assert [catalogue.title_of(p) for p in ("steam-50", "xbox", "gone")] == ["Steam 充值卡 50 元", "xbox", "gone"]
    assert [p.id for p in catalogue.products] == ["steam-50", "xbox"]
    assert catalogue.unknown_shops(frozenset({"pdd-main"})) == []
    assert catalogue.unknown_shops(frozenset({"pdd"})) == ["pdd-main"]


def test_the_shipped_file_loads() -> None:
    assert load_products(package_root() / "products.toml").products == ()
    assert Catalogue().product_of("a", "b") == ""


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("[product.x]\n", "products.toml:1: product:", "did you mean 'products'?"),
        ("\n[products.x]\nsku = ['a']\n", "products.toml:3: products.x.sku:", "did you mean 'skus'?"),
        ("[products.x]\nskus = 'a'\n", "products.toml:1: products.x:", 'a list of "sku"'),
        ("[products.x]\nskus = ['shop:']\n", "products.toml:1: products.x:", 'a list of "sku"'),
        ("[products.x]\nkind = 'topup'\n", "products.toml:1: products.x:", 'kind must be "key"'),
        ("[products.x]\nhot = 1\n", "products.toml:1: products.x:", "true or false"),
        ("[products.x]\ntitle = ' '\n", "products.toml:1: products.x:", "title is a text"),
        ("[products.'a b']\n", "products.toml:1: products.a b:", "an id has"),
        ("[products]\nx = 1\n", "products.toml:2: products.x:", "is a table"),
        ("[products.x]\nskus = ['a', 'a']\n", "products.toml: products.x:", "is mapped twice"),
        (
            "[products.x]\nskus = ['s:a']\n[products.y]\nskus = ['s:a']\n",
            "products.toml: products.y:",
            "to 'x' already",
        ),
    ],
)
def test_a_mistake_names_place_and_remedy(text: str, place: str, why: str) -> None:
    with pytest.raises(ProductsError) as caught:
        compile_products(text, FILE)
    assert str(caught.value).startswith(place)
    assert why in str(caught.value)


def test_broken_toml() -> None:
    with pytest.raises(SettingsError, match="not valid TOML"):
        compile_products("[", FILE)
