"""The independent shop in the practice world, paid through a provider of Stripe's shape."""

from connectors.practice.front import Gate
from connectors.practice.market import COMMON, Market, Place
from connectors.practice.stripe import Stripe


def _gate(place: Place) -> Gate:
    assert place.provider is not None
    return Stripe(place.world, place.shop, place.provider)


MARKET = Market(
    word="indie",
    platform="stripe-shop",
    shop="indie",
    door="stripe",
    sku_prefix="IN-",
    mix=(
        *COMMON, ("late", 26), ("never", 16), ("quick_close", 8), ("twice", 12), ("short", 9), ("short_rest", 8),
        ("no_email", 6),
    ),
    number=lambda n, seed: f"IN{seed % 1000:03d}{n:08d}",
    gate=_gate,
    settings=lambda base, shop, hide: {
        "url": f"{base}/stripe",
        "api_key": hide("api_key", shop.token),
        "webhook_secret": hide("webhook_secret", shop.app_secret),
        "account": "acct_practice",
    },
    rank=2,
    by_default=True,
    tokens_expire=False,
    cards=True,
)  # fmt: skip
