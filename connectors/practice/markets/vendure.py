"""A Vendure shop in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.vendure_door import VendureApi

_CODE = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # the letters of Vendure's order codes


def _number(n: int, seed: int) -> str:
    value, code = n * 2_654_435_761_003 + seed % 1000, ""
    for _ in range(16):
        value, digit = divmod(value, 32)
        code += _CODE[digit]
    return code


MARKET = Market(
    word="vendure",
    platform="vendure",
    shop="vendure-main",
    door="vendure",
    sku_prefix="VD-",
    # Buyers who have not paid have a cart and no order.
    mix=(*COMMON, ("no_email", 6), ("forbid_cleared", 16), ("forbid_failed", 6)),
    number=_number,
    gate=lambda place: VendureApi(place.world, place.shop),
    settings=lambda base, shop, hide: {
        "url": f"{base}/vendure/admin-api",
        "username": shop.app_key,
        "password": hide("password", shop.app_secret),
        "sweep_seconds": "2",
    },
)  # fmt: skip
