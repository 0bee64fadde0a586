"""Taobao in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.taobao import Taobao

MARKET = Market(
    word="taobao",
    platform="taobao",
    shop="taobao-main",
    door="taobao",
    sku_prefix="TB-",
    mix=(
        *COMMON, ("late", 28), ("never", 16), ("quick_close", 8), ("no_email", 9), ("bad_email", 9),
        ("forbid_cleared", 8), ("forbid_failed", 4),
    ),
    number=lambda n, seed: str(3_100_000_000_000_000_000 + (seed % 1000) * 10**15 + n * 1_000_003),
    gate=lambda place: Taobao(place.world, place.shop),
    settings=lambda base, shop, hide: {
        "url": f"{base}/taobao/router/rest",
        "app_key": shop.app_key,
        "secret": hide("secret", shop.app_secret),
        "session": hide("session", shop.token),
    },
    rank=0,
    by_default=True,
    address_in_message=True,
    undo_opens_refund=True,
)  # fmt: skip
