"""A Xianyu shop run through Xianguanjia in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.xianyu_door import Xianyu

MARKET = Market(
    word="xianyu",
    platform="xianguanjia",
    shop="xianyu-main",
    door="xianyu",
    sku_prefix="XY-",
    mix=(
        *COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("forming_cleared", 16), ("forming_failed", 6),
    ),
    number=lambda n, seed: str(2_226_000_000_000_000_000 + (seed % 1000) * 10**15 + n * 1_000_003),
    gate=lambda place: Xianyu(place.world, place.shop, place.lag, place.pushes),
    settings=lambda base, shop, hide: {
        "url": f"{base}/xianyu",
        "app_key": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "mch_id": "900001",
        "mch_secret": hide("mch_secret", shop.refresh_token),
        # A path, not a reference: the desk writes there what it must not forget.
        "asked_file": hide("asked_file", "").removeprefix("file:"),
    },
    rank=13,
    mails=False,
    tokens_expire=False,
    pushes=True,
)  # fmt: skip
