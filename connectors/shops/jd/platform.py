"""How the settings name a JD shop on the open platform."""

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, tokens_of, url_of
from connectors.shops.jd.client import Jos
from connectors.shops.jd.shop import OWN_DELIVERY, JdShop
from core.model.clock import Clock
from core.ports import Shop

_OAUTH = "https://open-oauth.jd.com/oauth2"


def _build(name: str, options: Options, clock: Clock) -> Shop:
    jos = Jos(
        url_of(options),
        _oauth(options),
        options["app_key"],
        options["secret"],
        tokens_of(options, "access_token"),
        clock,
    )
    carrier = options.get("carrier") or OWN_DELIVERY
    if not (carrier.isascii() and carrier.isdigit()):
        raise ValueError("carrier must be a number")
    return JdShop(
        name,
        jos,
        clock,
        http_of(options),
        deliver=options.get("deliver", "email"),
        carrier=carrier,
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


def _oauth(options: Options) -> str:
    try:
        return url_of({"url": options.get("oauth_url") or _OAUTH})
    except ValueError as exc:
        raise ValueError(f"oauth_{exc}") from None


PLATFORM = Platform(
    frozenset({"url", "app_key", "secret", "access_token"}), WINDOWS | {"deliver", "oauth_url", "carrier"}, _build
)
