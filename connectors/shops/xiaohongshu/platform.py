"""How the settings name a Xiaohongshu shop."""

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, tokens_of, url_of
from connectors.shops.xiaohongshu.client import Ark
from connectors.shops.xiaohongshu.push import Push
from connectors.shops.xiaohongshu.shop import XiaohongshuShop
from core.model.clock import Clock
from core.ports import Shop


def _codes(options: Options, key: str) -> frozenset[int]:
    try:
        return frozenset(int(word) for word in options.get(key, "").replace(",", " ").split())
    except ValueError:
        raise ValueError(f"{key} must be whole numbers with commas between them") from None


def _build(name: str, options: Options, clock: Clock) -> Shop:
    ark = Ark(
        url_of(options),
        options["app_id"],
        options["secret"],
        tokens_of(options, "access_token"),
        clock,
        token_codes=_codes(options, "token_codes"),
        rate_codes=_codes(options, "rate_codes"),
    )
    return XiaohongshuShop(
        name,
        ark,
        clock,
        http_of(options),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 240, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
        push=Push(options.get("push_url", ""), options["app_id"], options["secret"]),
    )


PLATFORM = Platform(
    frozenset({"url", "app_id", "secret", "access_token"}),
    WINDOWS | {"token_codes", "rate_codes", "push_url"},
    _build,
)
