"""How the settings name a Taobao shop."""

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, tokens_of, url_of
from connectors.shops.taobao.client import Top
from connectors.shops.taobao.shop import TaobaoShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    top = Top(
        url_of(options),
        options["app_key"],
        options["secret"],
        tokens_of(options, "session"),
        clock,
        options.get("sign_method", "md5"),
    )
    return TaobaoShop(
        name,
        top,
        clock,
        http_of(options),
        deliver=options.get("deliver", "email"),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


PLATFORM = Platform(frozenset({"url", "app_key", "secret", "session"}), WINDOWS | {"deliver", "sign_method"}, _build)
