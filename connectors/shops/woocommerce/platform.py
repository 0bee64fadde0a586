"""How the settings name a WooCommerce shop."""

from connectors.options import Options, Platform, http_of, number, poll_seconds, start_days, url_of
from connectors.shops.woocommerce.client import Woo
from connectors.shops.woocommerce.shop import NOTE, WooShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    note = options.get("note", NOTE)
    return WooShop(
        name,
        Woo(url_of(options), options["consumer_key"], options["consumer_secret"], clock),
        clock,
        http_of(options),
        webhook_secret=options.get("webhook_secret", ""),
        deliver=options.get("deliver", "email"),
        note="" if note == "none" else note,
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


PLATFORM = Platform(
    frozenset({"url", "consumer_key", "consumer_secret"}),
    frozenset({"webhook_secret", "deliver", "note", "overlap_seconds", "deep_seconds", "connections"}),
    _build,
)
