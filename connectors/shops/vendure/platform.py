"""How the settings name a Vendure shop."""

from pathlib import Path

from connectors.options import Options, Platform, http_of, number, poll_seconds, start_days, url_of
from connectors.shops.vendure.client import Vendure
from connectors.shops.vendure.shop import NOTE_TEXT, VendureShop
from connectors.tokens import Tokens
from core.model.clock import Clock
from core.ports import Shop


def _build(name: str, options: Options, clock: Clock) -> Shop:
    http = http_of(options)
    file, user = options.get("token_file", ""), options.get("username", "")
    vendure = Vendure(
        url_of(options),
        http,
        clock,
        Tokens("", user, Path(file) if file else None),
        api_key=options.get("api_key", ""),
        username=user,
        password=options.get("password", ""),
        channel=options.get("channel", ""),
    )
    note = options.get("note", NOTE_TEXT)
    return VendureShop(
        name,
        vendure,
        clock,
        http,
        deliver=options.get("deliver", "email"),
        note="" if note == "none" else note,
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
        sweep_seconds=number(options, "sweep_seconds", 60, 0.5, 86_400),
        sweep_days=number(options, "sweep_days", 7, 0.01, 90),
    )


PLATFORM = Platform(
    frozenset({"url"}),
    frozenset({"api_key", "username", "password", "token_file", "channel", "deliver", "note", "sweep_seconds"})
    | frozenset({"sweep_days", "overlap_seconds", "deep_seconds", "connections"}),
    _build,
)
