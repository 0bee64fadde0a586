"""How the settings name a Xianyu shop that is run through Xianguanjia."""

from pathlib import Path
from urllib.parse import urlsplit

from connectors.options import WINDOWS, Options, Platform, http_of, number, poll_seconds, start_days, url_of
from connectors.shops.xianguanjia.asked import Asked
from connectors.shops.xianguanjia.client import Xgj
from connectors.shops.xianguanjia.push import Push
from connectors.shops.xianguanjia.shop import XianguanjiaShop
from connectors.shops.xianguanjia.supply import Goods, Supply
from connectors.tokens import only_looking
from core.model.clock import Clock
from core.model.text import clean
from core.ports import Shop


def goods_of(text: str) -> tuple[Goods, ...]:
    """``NUMBER|PRICE IN FEN|STOCK|NAME`` for each of the goods, with semicolons between them. Raises ValueError."""
    found = []
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        words = [word.strip() for word in entry.split("|")]
        if len(words) != 4 or not words[0] or not (words[1].isdecimal() and words[2].isdecimal()):
            raise ValueError("goods must be NUMBER|PRICE IN FEN|STOCK|NAME, with semicolons between them")
        found.append(Goods(words[0], int(words[1]), int(words[2]), clean(words[3], 100)))
    return tuple(found)


def _build(name: str, options: Options, clock: Clock) -> Shop:
    url = url_of(options)
    host = urlsplit(url).hostname or ""
    app = (options.get("supply_app_id") or options["app_key"], options.get("supply_secret") or options["secret"])
    try:
        asked = Asked(Path(options["asked_file"]), only_looking())
    except OSError as exc:
        raise ValueError(f"asked_file cannot be used: {type(exc).__name__}") from None
    return XianguanjiaShop(
        name,
        Xgj(url, options["app_key"], options["secret"], clock, options.get("seller_id", "")),
        Supply(
            app,
            (options["mch_id"], options["mch_secret"]),
            goods_of(options.get("goods", "")),
            frozenset({host, *options.get("notify_hosts", "").replace(",", " ").split()}),
        ),
        asked,
        clock,
        http_of(options),
        Push(options["app_key"], options["secret"]),
        authorize_id=int(number(options, "authorize_id", 0, 0, 2**62)),
        poll_seconds=poll_seconds(options),
        start_days=start_days(options),
        overlap=int(number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(number(options, "deep_seconds", 60, 1, 900)),
    )


PLATFORM = Platform(
    frozenset({"url", "app_key", "secret", "mch_id", "mch_secret", "asked_file"}),
    WINDOWS - {"refresh_token", "token_file"}
    | {"seller_id", "authorize_id", "supply_app_id", "supply_secret", "goods", "notify_hosts"},
    _build,
)
