"""Youzan in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.youzan_door import Youzan

MARKET = Market(
    word="youzan",
    platform="youzan",
    shop="youzan-main",
    door="yz",
    sku_prefix="YZ-",
    mix=(
        *COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("no_email", 9), ("bad_email", 9),
        ("forming_cleared", 14), ("forming_failed", 6),
    ),
    number=lambda n, seed: f"E20261124{(seed % 1000) * 10**12 + n * 9_100_477:015d}",
    gate=lambda place: Youzan(place.world, place.shop, place.lag),
    settings=lambda base, shop, hide: {
        "url": f"{base}/yz",
        "client_id": shop.app_key,
        "client_secret": hide("client_secret", shop.app_secret),
        "kdt_id": "56232",
        "poll_seconds": "1",
        "start_days": "1",
    },
    rank=13,
    address_in_message=True,
    undo_opens_refund=True,
)  # fmt: skip
