"""How the settings name a shop on JD's general trade."""

from connectors.jd_called import book_at, prices_of
from connectors.options import Options, Platform, http_of, number, url_of
from connectors.shops.jd_trade.protocol import Trade
from connectors.shops.jd_trade.shop import JdTradeShop
from core.model.clock import Clock
from core.ports import Shop

_HOSTS = frozenset({"vtpnotify.jd.com"})


def _build(name: str, options: Options, clock: Clock) -> Shop:
    notify = options.get("notify_url", "")
    if notify:
        try:
            notify = url_of({"url": notify})
        except ValueError as exc:
            raise ValueError(f"notify_{exc}") from None
    return JdTradeShop(
        name,
        Trade(options["vendor_id"], options["key"], options["aes_key"], options.get("separator", "")),
        book_at(options["asked_file"]),
        _HOSTS | frozenset(options.get("notify_hosts", "").replace(",", " ").split()),
        notify,
        clock,
        http_of(options),
        prices_of(options.get("prices", "")),
        poll_seconds=number(options, "poll_seconds", 60.0, 0.05, 3600),
    )


PLATFORM = Platform(
    frozenset({"vendor_id", "key", "aes_key", "asked_file"}),
    frozenset({"notify_url", "notify_hosts", "prices", "separator", "connections"}),
    _build,
)
