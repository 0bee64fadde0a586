"""How the settings name a Kuaishou shop."""

from typing import Final

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, tokens_of, url_of
from connectors.shops.kuaishou.client import Kuaishou, Secrets
from connectors.shops.kuaishou.shop import KuaishouShop, Parcel
from core.model.clock import Clock
from core.ports import Shop

_OPTIONAL: Final = frozenset({"app_secret", "message_key", "sign_method", "deliver", "express_no", "return_address_id"})


def _build(name: str, options: Options, clock: Clock) -> Shop:
    kuaishou = Kuaishou(
        url_of(options),
        options["app_key"],
        Secrets(options["sign_secret"], options.get("app_secret", ""), options.get("message_key", "")),
        tokens_of(options, "access_token"),
        clock,
        options.get("sign_method", "HMAC_SHA256"),
    )
    parcel = Parcel(
        code=_whole(options, "express_code"),
        number=options.get("express_no", ""),
        return_address=_whole(options, "return_address_id") if options.get("return_address_id") else 0,
    )
    return KuaishouShop(
        name,
        kuaishou,
        clock,
        http_of(options),
        parcel,
        deliver=options.get("deliver", "email"),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


def _whole(options: Options, key: str) -> int:
    text = options[key]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"{key} is not a whole number")
    return int(text)


PLATFORM = Platform(
    frozenset({"url", "app_key", "sign_secret", "access_token", "express_code"}), WINDOWS | _OPTIONAL, _build
)
