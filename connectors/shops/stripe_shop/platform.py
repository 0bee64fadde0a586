"""How the settings name an independent shop that is paid through Stripe."""

from connectors.options import Options, Platform, http_of, poll_seconds, start_days, url_of
from connectors.shops.stripe_shop.client import StripeClient
from connectors.shops.stripe_shop.shop import StripeShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    http = http_of(options)
    return StripeShop(
        name,
        StripeClient(url_of(options), options["api_key"], http),
        clock,
        http,
        account=options["account"],
        webhook_secret=options.get("webhook_secret", ""),
        deliver=options.get("deliver", "email"),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


PLATFORM = Platform(
    frozenset({"url", "api_key", "account"}), frozenset({"webhook_secret", "deliver", "connections"}), _build
)
