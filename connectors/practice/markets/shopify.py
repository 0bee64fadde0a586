"""A Shopify shop in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.shopify_door import ShopifyApi

MARKET = Market(
    word="shopify",
    platform="shopify",
    shop="shopify-main",
    door="shopify",
    sku_prefix="SF-",
    mix=(
        *COMMON, ("late", 28), ("never", 16), ("quick_close", 8), ("no_email", 6), ("risk_cleared", 16), ("risk_failed", 6),
        ("forbid_cleared", 8),
    ),
    number=lambda n, seed: str(5_000_000_000_000 + (seed % 1000) * 10**9 + n * 32_771),
    gate=lambda place: ShopifyApi(place.world, place.shop),
    settings=lambda base, shop, hide: {
        "url": f"{base}/shopify",
        "client_id": shop.app_key,
        "client_secret": hide("client_secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
    },
)  # fmt: skip
