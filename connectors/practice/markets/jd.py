"""JD's open platform in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.jd_door import Jd

MARKET = Market(
    word="jd",
    platform="jd",
    shop="jd-main",
    door="jd",
    sku_prefix="JD-",
    mix=(
        *COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("no_email", 9), ("bad_email", 9),
        ("forbid_cleared", 10), ("forbid_failed", 5), ("risk_cleared", 12), ("risk_failed", 5),
    ),
    number=lambda n, seed: str(300_000_000_000 + (seed % 1000) * 10**8 + n * 1_013),
    gate=lambda place: Jd(place.world, place.shop, place.lag),
    settings=lambda base, shop, hide: {
        "url": f"{base}/jd/routerjson",
        "oauth_url": f"{base}/jd/oauth2",
        "app_key": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
        "refresh_token": hide("refresh_token", shop.refresh_token),
    },
    rank=14,
    address_in_message=True,
    undo_opens_refund=True,
)  # fmt: skip
