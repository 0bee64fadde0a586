"""A WooCommerce shop in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.woocommerce_door import Woocommerce

MARKET = Market(
    word="woocommerce",
    platform="woocommerce",
    shop="woo-main",
    door="woo",
    sku_prefix="WC-",
    mix=(
        *COMMON, ("late", 28), ("never", 16), ("quick_close", 8), ("no_email", 6), ("forbid_cleared", 12),
        ("forbid_failed", 4),
    ),
    number=lambda n, seed: str((seed % 1000) * 10**9 + 1_000 + n * 3),
    gate=lambda place: Woocommerce(place.world, place.shop),
    settings=lambda base, shop, hide: {
        "url": f"{base}/woo",
        "consumer_key": hide("consumer_key", f"ck_{shop.app_key}"),
        "consumer_secret": hide("consumer_secret", f"cs_{shop.app_secret}"),
        "webhook_secret": hide("webhook_secret", shop.refresh_token),
    },
    tokens_expire=False,
)  # fmt: skip
