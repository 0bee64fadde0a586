"""How the settings name a dujiao-next shop that buys from us."""

from urllib.parse import urlsplit

from connectors.options import Options, Platform, http_of, poll_seconds, url_of
from connectors.shops.dujiao_next.shop import DujiaoNextShop
from connectors.shops.dujiao_next.upstream import Upstream
from connectors.shops.dujiao_next.webhook import Webhook
from connectors.wares import book_of, wares_of
from core.model.clock import Clock
from core.model.text import clean
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    host = urlsplit(url_of(options)).hostname or ""
    wares = wares_of(options["goods"])
    if "DEFAULT" in wares.by_sku:
        # dujiao-next gives this code to every product that has no other.
        raise ValueError("goods: DEFAULT is the code of every product without one; give the product a code there")
    token, key, secret = (options.get(word, "") for word in ("token", "api_key", "api_secret"))
    if not token and not (key and secret):
        raise ValueError("token, or api_key and api_secret, is missing")
    if bool(key) != bool(secret):
        raise ValueError("api_key and api_secret go together")
    currency = options.get("currency") or "CNY"
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise ValueError("currency is three capital letters")
    book = book_of(options)
    api = (
        Upstream(key, secret, clean(options.get("site_name") or name, 60), wares, book, currency, clock())
        if key
        else None
    )
    return DujiaoNextShop(
        name,
        wares,
        book,
        currency,
        frozenset({host, *options.get("callback_hosts", "").replace(",", " ").split()}),
        Webhook(token) if token else None,
        api,
        clock,
        http_of(options),
        poll_seconds(options),
    )


PLATFORM = Platform(
    frozenset({"url", "goods", "orders_file", "credit"}),
    frozenset({"token", "api_key", "api_secret", "currency", "callback_hosts", "site_name", "connections"}),
    _build,
)
