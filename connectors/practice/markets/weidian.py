"""Weidian in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.weidian_door import RATE, Weidian

MARKET = Market(
    word="weidian",
    platform="weidian",
    shop="weidian-main",
    door="wd",
    sku_prefix="WD-",
    mix=(
        *COMMON, ("late", 26), ("never", 14), ("quick_close", 8), ("no_email", 9), ("bad_email", 9),
        ("forbid_cleared", 10), ("forbid_failed", 5),
    ),
    number=lambda n, seed: f"8{(seed % 1000) * 10**11 + n * 30_011:014d}",
    gate=lambda place: Weidian(place.world, place.shop, place.lag),
    settings=lambda base, shop, hide: {
        "url": f"{base}/wd",
        "app_key": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "rate_codes": str(RATE),
    },
    rank=14,
    address_in_message=True,
)  # fmt: skip
