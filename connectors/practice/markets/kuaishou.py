"""Kuaishou shop in the practice world."""

from connectors.practice.market import COMMON, Market
from connectors.practice.markets.kuaishou_door import EXPRESS_CODE, KuaishouDoor

MARKET = Market(
    word="kuaishou",
    platform="kuaishou",
    shop="kuaishou-main",
    door="kuaishou",
    sku_prefix="KS-",
    mix=(
        *COMMON, ("late", 24), ("never", 14), ("quick_close", 8), ("no_email", 9), ("bad_email", 9),
        ("risk_cleared", 18), ("risk_failed", 6), ("forbid_cleared", 8), ("forbid_failed", 4),
    ),
    number=lambda n, seed: str(2_600_000_000_000_000 + (seed % 1000) * 10**12 + n * 1_003),
    gate=lambda place: KuaishouDoor(place.world, place.shop),
    settings=lambda base, shop, hide: {
        "url": f"{base}/kuaishou",
        "app_key": shop.app_key,
        "app_secret": hide("app_secret", f"app-{shop.app_secret}"),
        "sign_secret": hide("sign_secret", shop.app_secret),
        "access_token": hide("access_token", shop.token),
        "refresh_token": hide("refresh_token", shop.refresh_token),
        "express_code": str(EXPRESS_CODE),
    },
    address_in_message=True,
    undo_opens_refund=True,
)  # fmt: skip
