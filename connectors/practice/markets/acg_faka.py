"""An acg-faka shop in the practice world that sells the merchant's goods on; its buyers leave an e-mail address."""

from connectors.practice.market import Market
from connectors.practice.markets.acg_door import APP_ID, AcgFaka
from connectors.practice.mint import PRODUCTS

MARKET = Market(
    word="acg-faka",
    platform="acg-faka",
    shop="acg-main",
    door="acg",
    sku_prefix="AC-",
    mix=(("late", 120),),
    number=lambda n, seed: f"{260_000_000_000_000_000 + (seed % 1000) * 10**12 + n * 7}",
    gate=lambda place: AcgFaka(place.world, place.shop, place.pushes, lambda order: order.email, "AC-"),
    settings=lambda base, shop, hide: {
        "app_id": APP_ID,
        "secret": hide("secret", shop.app_secret),
        "goods": ";".join(f"{n}|{p.sku('AC-')}|{p.price}|-1|{p.title}" for n, p in enumerate(PRODUCTS, 1)),
        # A path, not a reference: the desk writes there what it must not forget.
        "orders_file": hide("orders_file", "").removeprefix("file:"),
        "credit": "100000000000",
    },
    rank=17,
    names_buyers=False,
    tokens_expire=False,
    pushes=True,
)
