"""A shop of top-ups in the practice world: another shop sells them on, and the merchant buys them from a supplier."""

from connectors.practice.front import Gate
from connectors.practice.market import Market, Place
from connectors.practice.markets.acg_door import APP_ID, AcgFaka
from connectors.practice.markets.topup_door import CUSTOMER, NO_ORDER, PRODUCT, Supplier, phone_of
from connectors.practice.mint import PRODUCTS


def _gate(place: Place) -> Gate:
    AcgFaka(place.world, place.shop, place.pushes, phone_of, "TU-")  # it hears of orders and is called by nobody
    return Supplier(place.world, place.shop)


MARKET = Market(
    word="topup",
    platform="topup",
    shop="topup-main",
    door="topup",
    sku_prefix="TU-",
    mix=(("late", 120),),
    number=lambda n, seed: f"{270_000_000_000_000_000 + (seed % 1000) * 10**12 + n * 7}",
    gate=_gate,
    settings=lambda base, shop, hide: {
        "platform": "acg-faka",
        "app_id": APP_ID,
        "secret": hide("secret", shop.app_secret),
        "goods": ";".join(f"{n}|{p.sku('TU-')}|{p.price}|-1|{p.title}" for n, p in enumerate(PRODUCTS, 1)),
        # A path, not a reference: the desk writes there what it must not forget.
        "orders_file": hide("orders_file", "").removeprefix("file:"),
        "credit": "100000000000",
        "deliver": "topups",
    },
    channels=lambda base, shop, hide: {
        "topups": {
            "kind": "kashangwl",
            "url": f"{base}/topup",
            "customer_id": str(CUSTOMER),
            "secret": hide("customer_key", shop.app_secret),
            # This world's keys are keys; here each of them is leave to buy one unit.
            "voucher": f"{PRODUCT}@20",
            "absent_codes": NO_ORDER,
            "settle_seconds": "2",
            "ask_seconds": "1",
            "burst": "2000",
        }
    },
    rank=18,
    mails=False,
    names_buyers=False,
    tokens_expire=False,
    pushes=True,
)
