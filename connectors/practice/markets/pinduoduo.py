"""Pinduoduo in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.pinduoduo import Pinduoduo

MARKET = Market(
    word="pinduoduo",
    platform="pinduoduo",
    shop="pdd-main",
    door="pdd",
    sku_prefix="PD-",
    mix=(*COMMON, ("forming_cleared", 24), ("forming_failed", 8), ("risk_cleared", 22), ("risk_failed", 8)),
    number=lambda n, seed: f"261124-{(seed % 1000) * 10**12 + n * 7_919_003:015d}",
    gate=lambda place: Pinduoduo(place.world, place.shop, place.lag),
    settings=lambda base, shop, hide: {
        "url": f"{base}/pdd/api/router",
        "client_id": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
        "refresh_token": hide("refresh_token", shop.refresh_token),
    },
    rank=1,
    by_default=True,
    mails=False,
    names_buyers=False,
)
