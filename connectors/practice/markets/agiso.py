"""A Xianyu shop run through Agiso in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.agiso_door import AgisoGate

MARKET = Market(
    word="agiso",
    platform="agiso",
    shop="agiso-main",
    door="agiso",
    sku_prefix="AG-",
    mix=(*COMMON, ("late", 24), ("never", 14), ("quick_close", 8)),
    number=lambda n, seed: str(1_520_000_000_000_000_000 + (seed % 1000) * 10**15 + n * 1_000_003),
    gate=lambda place: AgisoGate(place.world, place.shop, place.pushes),
    settings=lambda base, shop, hide: {
        "url": f"{base}/agiso/aldsIdle",
        "secret": hide("secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
    },
    rank=14,
    mails=False,
    pushes=True,
)
