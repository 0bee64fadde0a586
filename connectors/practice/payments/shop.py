"""A WooCommerce shop, the independent shop of this world, that is paid through one of the providers."""

from collections.abc import Callable, Mapping

from connectors.practice.front import Gate
from connectors.practice.market import COMMON, Market, Place
from connectors.practice.markets.woocommerce_door import Woocommerce
from connectors.practice.payments.till import Cashier, Till, gateway_of
from connectors.practice.world import Shop, World

Hide = Callable[[str, str], str]


def paid_shop(word: str, rank: int, prefix: str, provider: Callable[[World, Shop], Cashier]) -> Market:
    """The market: its door, its numbers, the settings of shop and gateway."""
    cashiers: dict[int, Cashier] = {}

    def gate(place: Place) -> Gate:
        cashier = cashiers[id(place.shop)] = provider(place.world, place.shop)
        return Till(place, Woocommerce(place.world, place.shop, f"/{word}"), cashier)

    def settings(base: str, shop: Shop, hide: Hide) -> Mapping[str, str]:
        return {
            "platform": "woocommerce",
            "url": f"{base}/{word}",
            "consumer_key": hide("consumer_key", f"ck_{shop.app_key}"),
            "consumer_secret": hide("consumer_secret", f"cs_{shop.app_secret}"),
            "pay_via": gateway_of(shop),
        }

    def payments(base: str, shop: Shop, hide: Hide) -> Mapping[str, Mapping[str, str]]:
        return {gateway_of(shop): cashiers[id(shop)].settings(f"{base}/{word}/pay", hide)}

    return Market(
        word=word,
        platform=word,
        shop=f"{word}-shop",
        door=word,
        sku_prefix=prefix,
        mix=(*COMMON, ("late", 60), ("never", 30), ("quick_close", 20), ("short", 12)),
        number=lambda n, seed: str((seed % 1000) * 10**9 + 5_000 + n * 3 + rank),
        gate=gate,
        settings=settings,
        payments=payments,
        rank=rank,
        tokens_expire=False,
        pushes=True,
    )
