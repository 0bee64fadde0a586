"""Xiaohongshu in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.xiaohongshu_door import RATE, TOKEN, Xiaohongshu

MARKET = Market(
    word="xiaohongshu",
    platform="xiaohongshu",
    shop="xhs-main",
    door="xhs",
    sku_prefix="XH-",
    mix=(
        *COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("risk_cleared", 22), ("risk_failed", 8),
    ),
    number=lambda n, seed: f"P{(seed % 1000) * 10**15 + n * 6_700_417:018d}",
    gate=lambda place: Xiaohongshu(place.world, place.shop, place.lag),
    settings=lambda base, shop, hide: {
        "url": f"{base}/xhs/ark/open_api/v3/common_controller",
        "app_id": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
        "refresh_token": hide("refresh_token", shop.refresh_token),
        "token_codes": str(TOKEN),
        "rate_codes": str(RATE),
    },
    rank=12,
    mails=False,
)  # fmt: skip
