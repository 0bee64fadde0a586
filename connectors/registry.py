"""Shops and channels by name and options: the one place that knows which platform is which class.

Other packages add platforms through the entry point group ``keydesk.shops``: the name is the platform, the object a
``Platform``. Secrets arrive here as plain text, resolved by the caller, and go no further than the connector.
"""

import difflib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from connectors.channels.email import EmailChannel
from connectors.http import Http
from connectors.shops.pinduoduo.client import Pdd
from connectors.shops.pinduoduo.shop import PinduoduoShop
from connectors.shops.stripe_shop.client import StripeClient
from connectors.shops.stripe_shop.shop import StripeShop
from connectors.shops.taobao.client import Top
from connectors.shops.taobao.shop import TaobaoShop
from connectors.tokens import Tokens
from core.model.clock import Clock
from core.ports import Channel, Shop

Options = Mapping[str, str]
GROUP: Final = "keydesk.shops"
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_COMMON: Final = frozenset({"poll_seconds", "start_days"})


class Platform(Struct, frozen=True):
    """How to build one platform's shop: the keys it must have, those it may have, and the builder."""

    required: frozenset[str]
    optional: frozenset[str]
    build: Callable[[str, Options, Clock], Shop]


def build_shop(name: str, options: Options, clock: Clock) -> Shop:
    """The shop ``name``. ``options["platform"]`` chooses its class.

    Raises ValueError that names the shop, the key, and the nearest valid key; never a value.
    """
    platform = options.get("platform", "")
    known = _platforms()
    if platform not in known:
        raise ValueError(f"shop {name}: unknown platform {platform!r}{_nearest(platform, known)}")
    kind = known[platform]
    given = {key: value for key, value in options.items() if key != "platform"}
    _check(f"shop {name}", given, kind.required, kind.optional | _COMMON)
    try:
        return kind.build(name, given, clock)
    except ValueError as exc:
        raise ValueError(f"shop {name}: {exc}") from None


def build_channel(name: str, options: Options, clock: Clock) -> Channel:
    """The channel ``name``; ``options["kind"]`` must be smtp. Raises ValueError as ``build_shop`` does."""
    kind = options.get("kind", "smtp")
    if kind not in ("smtp", "email"):
        raise ValueError(f"channel {name}: unknown kind {kind!r}{_nearest(kind, ('smtp',))}")
    given = {key: value for key, value in options.items() if key != "kind"}
    required = frozenset({"host", "port", "from"})
    _check(f"channel {name}", given, required, frozenset({"user", "password", "starttls", "connections"}))
    try:
        return EmailChannel(
            name,
            given["host"],
            int(_number(given, "port", 25, 1, 65_535)),
            given["from"],
            clock,
            user=given.get("user", ""),
            password=given.get("password", ""),
            starttls=given.get("starttls", ""),
            connections=int(_number(given, "connections", 8, 1, 64)),
        )
    except ValueError as exc:
        raise ValueError(f"channel {name}: {exc}") from None


def _taobao(name: str, options: Options, clock: Clock) -> Shop:
    top = Top(
        _url(options),
        options["app_key"],
        options["secret"],
        _tokens(options, "session"),
        clock,
        options.get("sign_method", "md5"),
    )
    return TaobaoShop(
        name,
        top,
        clock,
        _http(options),
        deliver=options.get("deliver", "email"),
        overlap=int(_number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(_number(options, "deep_seconds", 60, 1, 900)),
        poll_seconds=_poll(options),
        start_days=_start(options),
    )


def _pinduoduo(name: str, options: Options, clock: Clock) -> Shop:
    pdd = Pdd(
        _url(options),
        options["client_id"],
        options["secret"],
        _tokens(options, "access_token"),
        clock,
    )
    return PinduoduoShop(
        name,
        pdd,
        clock,
        _http(options),
        overlap=int(_number(options, "overlap_seconds", 3, 1, 600)),
        deep=int(_number(options, "deep_seconds", 240, 1, 900)),
        poll_seconds=_poll(options),
        start_days=_start(options),
    )


def _stripe(name: str, options: Options, clock: Clock) -> Shop:
    http = _http(options)
    return StripeShop(
        name,
        StripeClient(_url(options), options["api_key"], http),
        clock,
        http,
        account=options["account"],
        webhook_secret=options.get("webhook_secret", ""),
        deliver=options.get("deliver", "email"),
        poll_seconds=_poll(options),
        start_days=_start(options),
    )


_WINDOWS: Final = frozenset({"overlap_seconds", "deep_seconds", "connections", "refresh_token", "token_file"})
PLATFORMS: Final[Mapping[str, Platform]] = {
    "taobao": Platform(
        frozenset({"url", "app_key", "secret", "session"}), _WINDOWS | {"deliver", "sign_method"}, _taobao
    ),
    "pinduoduo": Platform(frozenset({"url", "client_id", "secret", "access_token"}), _WINDOWS, _pinduoduo),
    "stripe-shop": Platform(
        frozenset({"url", "api_key", "account"}), frozenset({"webhook_secret", "deliver", "connections"}), _stripe
    ),
}


def _platforms() -> dict[str, Platform]:
    found = dict(PLATFORMS)
    for point in entry_points(group=GROUP):
        if point.name not in found:
            loaded = point.load()
            if not isinstance(loaded, Platform):
                raise ValueError(f"entry point {point.name} of {GROUP} is not a Platform")
            found[point.name] = loaded
    return found


def _check(what: str, given: Options, required: frozenset[str], optional: frozenset[str]) -> None:
    for key in given:
        if key not in required | optional:
            raise ValueError(f"{what}: unknown key {key!r}{_nearest(key, required | optional)}")
    for key in sorted(required):
        if not given.get(key, "").strip():
            raise ValueError(f"{what}: key {key!r} is missing or empty")


def _nearest(word: str, known: Mapping[str, object] | frozenset[str] | tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; valid are {', '.join(sorted(known))}"


def _number(options: Options, key: str, default: float, low: float, high: float) -> float:
    text = options.get(key, "")
    try:
        value = float(text) if text else default
    except ValueError:
        raise ValueError(f"{key} is not a number") from None
    if not low <= value <= high:
        raise ValueError(f"{key} must be between {low:g} and {high:g}")
    return value


def _poll(options: Options) -> float:
    return _number(options, "poll_seconds", 1.0, 0.05, 3600)


def _start(options: Options) -> float:
    return _number(options, "start_days", 1.0, 0, 90)


def _http(options: Options) -> Http:
    return Http(connections=int(_number(options, "connections", 32, 1, 256)))


def _tokens(options: Options, key: str) -> Tokens:
    file = options.get("token_file", "")
    return Tokens(options[key], options.get("refresh_token", ""), Path(file) if file else None)


def _url(options: Options) -> str:
    """Https, or http to this machine alone: signatures do not hide what they sign."""
    parts = urlsplit(options["url"])
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ValueError("url must be https (http is for this machine alone)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("url must not carry credentials, a query or a fragment")
    return options["url"]
