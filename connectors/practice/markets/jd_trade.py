"""JD's general trade in the practice world."""

from connectors.practice.gate import yuan
from connectors.practice.market import Market
from connectors.practice.markets.jd_trade_door import VENDOR, JdTrade
from connectors.practice.mint import PRODUCTS

MARKET = Market(
    word="jd-trade",
    platform="jd-trade",
    shop="jd-trade",
    door="jdtrade",
    sku_prefix="JDT-",
    # JD tells of paid orders only, and gives money back when the merchant says "failed", not when the buyer asks.
    mix=(("late", 40),),
    number=lambda n, seed: str(520_000_000_000 + (seed % 1000) * 10**8 + n * 1_013),
    gate=lambda place: JdTrade(place.world, place.shop, place.pushes),
    settings=lambda base, shop, hide: {
        "vendor_id": VENDOR,
        "key": hide("key", shop.app_secret),
        "aes_key": hide("aes_key", shop.refresh_token[:32]),
        "notify_url": f"{base}/jdtrade/produce/result",
        "prices": ";".join(f"{product.sku('JDT-')}={yuan(product.price)}" for product in PRODUCTS),
        # A path, not a reference: the desk writes there what it must not forget.
        "asked_file": hide("asked_file", "").removeprefix("file:"),
    },
    rank=16,
    mails=False,
    tokens_expire=False,
    pushes=True,
)
