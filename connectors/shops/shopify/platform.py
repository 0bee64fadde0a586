"""How the settings name a Shopify shop."""

from pathlib import Path

from connectors.http import Http
from connectors.options import Options, Platform, number, poll_seconds, start_days, url_of
from connectors.shops.shopify.client import VERSION, Shopify
from connectors.shops.shopify.shop import ShopifyShop
from connectors.tokens import Tokens
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    # Few at once: every order read takes its cost out of one bucket.
    http = Http(connections=int(number(options, "connections", 4, 1, 64)))
    file, client_id = options.get("token_file", ""), options.get("client_id", "")
    secret = options.get("client_secret", "")
    tokens = Tokens(options.get("access_token", ""), client_id, Path(file) if file else None)
    return ShopifyShop(
        name,
        Shopify(url_of(options), http, tokens, clock, client_id, secret, options.get("api_version", VERSION)),
        clock,
        http,
        webhook_secret=secret,
        deliver=options.get("deliver", "email"),
        notify=_yes(options, "notify", True),
        takes_tests=_yes(options, "test_orders", False),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
        overlap=int(number(options, "overlap_seconds", 10, 5, 600)),
        deep=int(number(options, "deep_seconds", 600, 1, 3600)),
    )


def _yes(options: Options, key: str, default: bool) -> bool:
    text = options.get(key, "yes" if default else "no")
    if text not in ("yes", "no"):
        raise ValueError(f"{key} must be yes or no")
    return text == "yes"


PLATFORM = Platform(
    frozenset({"url"}),
    frozenset({"access_token", "client_id", "client_secret", "token_file", "api_version", "deliver", "notify"})
    | frozenset({"test_orders", "overlap_seconds", "deep_seconds", "connections"}),
    _build,
)
