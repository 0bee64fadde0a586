"""How the settings name a Weidian shop."""

from pathlib import Path
from typing import Final

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, url_of
from connectors.shops.weidian.client import Weidian
from connectors.shops.weidian.shop import WeidianShop
from connectors.tokens import Tokens
from core.model.clock import Clock
from core.ports import Shop

_OAUTH: Final = "https://oauth.open.weidian.com"


def _words(options: Options, key: str) -> frozenset[str]:
    words = frozenset(options.get(key, "").replace(",", " ").split())
    if not all(word.lstrip("-").isdecimal() for word in words):
        raise ValueError(f"{key} must be whole numbers with commas between them")
    return words


def _build(name: str, options: Options, clock: Clock) -> Shop:
    file = options.get("token_file", "")
    tokens = Tokens(options.get("access_token", ""), options.get("refresh_token", ""), Path(file) if file else None)
    oauth = url_of({"url": options.get("oauth_url", "") or _OAUTH})
    rate = frozenset(int(word) for word in _words(options, "rate_codes"))
    push_key = options.get("push_key", "")
    if push_key and len(push_key) < 16:
        raise ValueError("push_key is too short to keep strangers out: at least 16 characters")
    return WeidianShop(
        name,
        Weidian(url_of(options), oauth, options["app_key"], options["secret"], tokens, rate),
        clock,
        http_of(options),
        deliver=options.get("deliver", "email"),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 240, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
        formed=_words(options, "group_formed"),
        push_key=push_key,
    )


PLATFORM = Platform(
    frozenset({"url", "app_key", "secret"}),
    WINDOWS | {"access_token", "deliver", "oauth_url", "rate_codes", "group_formed", "push_key"},
    _build,
)
