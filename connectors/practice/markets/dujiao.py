"""A dujiao-next shop in the practice world that buys from the merchant what its buyers have paid for."""

from connectors.practice.front import Gate
from connectors.practice.market import Market, Place
from connectors.practice.markets.dujiao_door import Dujiao
from connectors.practice.mint import PRODUCTS
from connectors.practice.world import Shop

_DOORS: dict[int, Dujiao] = {}


def _gate(place: Place) -> Gate:
    door = _DOORS[id(place.shop)] = Dujiao(place.world, place.shop, place.pushes)
    return door


def _settings(base: str, shop: Shop, hide: object) -> dict[str, str]:
    assert callable(hide)
    # It calls first, so it must know under which name it is reached.
    _DOORS[id(shop)].base = f"{base}/dujiao"
    goods = (f"{n}|{p.sku('DJ-')}|{p.price}|-1|{p.title}" for n, p in enumerate(PRODUCTS, 1))
    return {
        "url": f"{base}/dujiao",
        "token": hide("token", shop.token),
        "api_key": hide("api_key", shop.app_key),
        "api_secret": hide("api_secret", shop.app_secret),
        "goods": ";".join(goods),
        # A path, not a reference: the desk writes there what it must not forget.
        "orders_file": hide("orders_file", "").removeprefix("file:"),
        "credit": "100000000000",
    }


MARKET = Market(
    word="dujiao",
    platform="dujiao-next",
    shop="dujiao-main",
    door="dujiao",
    sku_prefix="DJ-",
    # It asks for nothing before its own buyer has paid, and gives no money back before it has asked.
    mix=(("late", 120),),
    number=lambda n, seed: f"DJ2026{seed % 1000:03d}{n:09d}",
    gate=_gate,
    settings=_settings,
    rank=16,
    mails=False,
    names_buyers=False,
    tokens_expire=False,
    pushes=True,
)
