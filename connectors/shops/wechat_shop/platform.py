"""How the settings name a WeChat shop."""

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, url_of
from connectors.shops.wechat_shop.client import Wechat
from connectors.shops.wechat_shop.push import Push
from connectors.shops.wechat_shop.shop import WechatShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    return WechatShop(
        name,
        Wechat(url_of(options), options["app_id"], options["secret"]),
        clock,
        http_of(options),
        Push(options.get("push_token", ""), options.get("push_key", ""), options["app_id"]),
        deliver=options.get("deliver", "email"),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
    )


PLATFORM = Platform(
    frozenset({"url", "app_id", "secret"}),
    WINDOWS - {"refresh_token", "token_file"} | {"deliver", "push_token", "push_key"},
    _build,
)
