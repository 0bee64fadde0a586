"""A WeChat shop in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.wechat_shop_door import WechatGate

MARKET = Market(
    word="wechat",
    platform="wechat-shop",
    shop="wechat-main",
    door="wechat",
    sku_prefix="WX-",
    mix=(
        *COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("no_email", 8), ("bad_email", 6),
        ("forming_cleared", 16), ("forming_failed", 6),
    ),
    number=lambda n, seed: str(3_705_000_000_000_000_000 + (seed % 1000) * 10**15 + n * 1_000_003),
    gate=lambda place: WechatGate(place.world, place.shop, place.lag),
    settings=lambda base, shop, hide: {
        "url": f"{base}/wechat",
        "app_id": shop.app_key,
        "secret": hide("secret", shop.app_secret),
    },
    rank=15,
    address_in_message=True,
    undo_opens_refund=True,
)  # fmt: skip
