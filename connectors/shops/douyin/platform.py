"""How the settings name a Douyin shop."""

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, tokens_of, url_of
from connectors.shops.douyin.client import Douyin
from connectors.shops.douyin.shop import DouyinShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    douyin = Douyin(
        url_of(options),
        options["app_key"],
        options["secret"],
        tokens_of(options, "access_token"),
        clock,
    )
    return DouyinShop(
        name,
        douyin,
        clock,
        http_of(options),
        deliver=options.get("deliver", "shop"),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


PLATFORM = Platform(frozenset({"url", "app_key", "secret", "access_token"}), WINDOWS | {"deliver"}, _build)
