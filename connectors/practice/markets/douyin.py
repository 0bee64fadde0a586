"""Douyin shop in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.douyin_door import DouyinDoor

MARKET = Market(
    word="douyin",
    platform="douyin",
    shop="douyin-main",
    door="douyin",
    sku_prefix="DY-",
    mix=(*COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("risk_cleared", 22), ("risk_failed", 8)),
    number=lambda n, seed: str(6_930_000_000_000_000_000 + (seed % 1000) * 10**15 + n * 1_000_003),
    gate=lambda place: DouyinDoor(place.world, place.shop),
    settings=lambda base, shop, hide: {
        "url": f"{base}/douyin",
        "app_key": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
        "refresh_token": hide("refresh_token", shop.refresh_token),
    },
    mails=False,
    undo_opens_refund=True,
)
