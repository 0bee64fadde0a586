"""JD's game-card platform in the practice world."""

from connectors.practice.gate import yuan
from connectors.practice.market import Market
from connectors.practice.markets.jd_gamecard_door import CUSTOMER, JdGameCard
from connectors.practice.mint import PRODUCTS

MARKET = Market(
    word="jd-gamecard",
    platform="jd-gamecard",
    shop="jd-card",
    door="jdcard",
    sku_prefix="JDC-",
    # JD tells of paid orders only, and gives money back when the merchant says "failed", not when the buyer asks.
    mix=(("late", 40),),
    number=lambda n, seed: str(410_000_000_000 + (seed % 1000) * 10**8 + n * 1_013),
    gate=lambda place: JdGameCard(place.world, place.shop, place.pushes),
    settings=lambda base, shop, hide: {
        "callback_url": f"{base}/jdcard/api/cardApi.action",
        "customer_id": CUSTOMER,
        "key": hide("key", shop.app_secret),
        "prices": ";".join(f"{product.sku('JDC-')}={yuan(product.price)}" for product in PRODUCTS),
        # A path, not a reference: the desk writes there what it must not forget.
        "asked_file": hide("asked_file", "").removeprefix("file:"),
    },
    rank=15,
    mails=False,
    tokens_expire=False,
    pushes=True,
)
