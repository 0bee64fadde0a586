"""How the settings name a Youzan shop."""

from pathlib import Path

from connectors.options import WINDOWS, Options, Platform, http_of, number, url_of
from connectors.shops.youzan.client import Youzan
from connectors.shops.youzan.shop import YouzanShop
from connectors.tokens import Tokens, only_looking
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    file, refresh = options.get("token_file", ""), options.get("refresh_token", "")
    tokens = Tokens(options.get("access_token", ""), refresh, Path(file) if file else None, only_looking())
    secret = options["client_secret"]
    youzan = Youzan(url_of(options), options["client_id"], secret, options["kdt_id"], tokens, bool(refresh))
    return YouzanShop(
        name,
        youzan,
        secret,
        clock,
        http_of(options),
        deliver=options.get("deliver", "email"),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 240, 1, 900)),
        # Calls are paid for by the thousand, and virtual goods that were sold before are somebody else's work.
        poll_seconds=number(options, "poll_seconds", 45.0, 0.05, 3600),
        start_days=number(options, "start_days", 0.0, 0, 90),
    )


PLATFORM = Platform(
    frozenset({"url", "client_id", "client_secret", "kdt_id"}), WINDOWS | {"access_token", "deliver"}, _build
)
