"""How the settings name a Pinduoduo shop."""

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, tokens_of, url_of
from connectors.shops.pinduoduo.client import Pdd
from connectors.shops.pinduoduo.shop import PinduoduoShop
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    pdd = Pdd(
        url_of(options),
        options["client_id"],
        options["secret"],
        tokens_of(options, "access_token"),
        clock,
    )
    return PinduoduoShop(
        name,
        pdd,
        clock,
        http_of(options),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 240, 1, 900)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
    )


PLATFORM = Platform(frozenset({"url", "client_id", "secret", "access_token"}), WINDOWS, _build)
