"""How the settings name a shop on JD's game-card platform."""

from connectors.jd_called import book_at, prices_of
from connectors.options import Options, Platform, http_of, number, url_of
from connectors.shops.jd_gamecard.protocol import GameCard
from connectors.shops.jd_gamecard.shop import JdGameCardShop
from core.model.clock import Clock
from core.ports import Shop

_CALLBACK = "https://card.jd.com/api/cardApi.action"


def _build(name: str, options: Options, clock: Clock) -> Shop:
    try:
        callback = url_of({"url": options.get("callback_url") or _CALLBACK})
    except ValueError as exc:
        raise ValueError(f"callback_{exc}") from None
    return JdGameCardShop(
        name,
        GameCard(options["customer_id"], options["key"], options.get("separator", "")),
        book_at(options["asked_file"]),
        callback,
        clock,
        http_of(options),
        prices_of(options.get("prices", "")),
        poll_seconds=number(options, "poll_seconds", 60.0, 0.05, 3600),
    )


PLATFORM = Platform(
    frozenset({"customer_id", "key", "asked_file"}),
    frozenset({"callback_url", "prices", "separator", "connections"}),
    _build,
)
